//! The table.

use super::{
    lines::{Better, LINES, Line},
    run::Values,
    server::Kind,
};

pub(super) fn render(values: &Values) -> String {
    let mut text = String::from(
        "# What it costs\n\n\
         Written by `cargo xtask bench`. *Ours* is the release build of this checkout, the *floor* a server that does \
         nothing but sockets, frames, JSON and one signature (`crates/testkit/examples/floor.rs`), the *peer* \
         `openclaw@2026.3.13`. All were measured one after the other on one shared machine: wall times and rates move \
         with its neighbours, so look at processor time, memory and the ratios. CPU is the server's, per operation. The \
         ratios say by how much ours is better than the peer and what it costs over the floor.\n\n\
         | what | ours | floor | peer | ours vs. peer | ours vs. floor | aim |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for (number, line) in LINES.iter().enumerate() {
        let [ours, floor, peer] =
            [Kind::Ours, Kind::Floor, Kind::Peer].map(|kind| values.get(&(number, kind)).copied());
        let cells = [
            line.title.to_owned(),
            value(line, ours),
            value(line, floor),
            value(line, peer),
            better(line, ours, peer),
            times(ours, floor),
            line.aim.to_owned(),
        ];
        text.extend(["| ", &cells.join(" | "), " |\n"]);
    }
    text
}

fn value(line: &Line, value: Option<f64>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    let number = if value >= 100.0 {
        grouped(value)
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    };
    let space = if line.unit.starts_with('/') { "" } else { " " };
    format!("{number}{space}{}", line.unit)
}

/// Whole, with a comma every three digits.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn better(line: &Line, ours: Option<f64>, peer: Option<f64>) -> String {
    let Some((ours, peer)) = ours.zip(peer).filter(|(ours, peer)| *ours > 0.0 && *peer > 0.0) else {
        return "–".to_owned();
    };
    let ratio = if line.better == Better::Less { peer / ours } else { ours / peer };
    if ratio >= 10.0 { format!("{ratio:.0} × better") } else { format!("{ratio:.1} × better") }
}

fn times(ours: Option<f64>, floor: Option<f64>) -> String {
    match ours.zip(floor).filter(|(_, floor)| *floor > 0.0) {
        Some((ours, floor)) => format!("{:.2} ×", ours / floor),
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_is_a_dash_and_the_ratios_follow() {
        let mut values = Values::new();
        values.insert((0, Kind::Ours), 20.0);
        values.insert((0, Kind::Peer), 4_000.0);
        let text = render(&values);
        assert!(text.contains("| 20.0 ms | – | 4,000 ms | 200 × better | – | ≤ 30 ms |"), "{text}");
    }

    #[test]
    fn more_of_what_should_be_much_is_better() {
        let number = LINES.iter().position(|line| line.better == Better::More).unwrap();
        let values = Values::from([((number, Kind::Ours), 800.0), ((number, Kind::Peer), 400.0)]);
        assert!(render(&values).contains("2.0 × better"));
    }

    #[test]
    fn large_numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(1_234_567.0), "1,234,567");
        assert_eq!(grouped(100.0), "100");
    }
}
