//! Who speaks: device keys, the connect signature, secrets and their comparison, the matching code. No files, no network.
