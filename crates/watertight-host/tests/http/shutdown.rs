use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use watertight_host::{Access, Routes};

use crate::client::{TestServer, notes};

#[test]
fn open_requests_are_finished_on_shutdown() {
    let (started, request_started) = mpsc::channel();
    let routes = Routes::new().get("/slow", Access::Public, async move || {
        started.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        "done"
    });
    let server = TestServer::start(vec![notes(routes)]);
    let url = server.url("/api/notes/slow");
    let request = thread::spawn(move || ureq::get(url).call().unwrap().body_mut().read_to_string());
    request_started.recv().unwrap();
    let address = server.url("/healthz");
    drop(server);
    assert_eq!(request.join().unwrap().unwrap(), "done");
    assert!(ureq::get(address).call().is_err());
}
