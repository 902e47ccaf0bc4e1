//! Who may call which method, and who receives which event: every one that is registered, as a committed table. Reading
//! the difference of a snapshot is the review of a change of permissions (SEC-070, SEC-077).

#[test]
fn sec_070_every_method_has_these_doors_and_no_others() {
    insta::assert_snapshot!("methods", openclaw_gateway::schema::access_table());
}

#[test]
fn sec_077_every_event_reaches_these_and_no_others() {
    insta::assert_snapshot!("events", openclaw_gateway::schema::event_table());
}

#[test]
fn the_schema_has_every_method_with_its_door_and_shapes() {
    let document = openclaw_gateway::schema::document();
    let methods = document["methods"].as_object().unwrap();
    assert!(methods.len() > 30, "{}", methods.len());
    for (name, method) in methods {
        assert!(method["params"].is_object() && !method["reply"].is_null(), "{name}");
        let role = method["role"].as_str().unwrap();
        assert_eq!(role == "operator", method["scope"].is_string(), "{name}");
    }
    assert_eq!(document["events"].as_array().unwrap().len(), 16);
}
