use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use watertight_host::{Access, Routes};

use crate::client::{Site, notes};

#[test]
fn a_request_under_way_is_answered_when_the_server_stops() {
    let (begun, has_begun) = mpsc::channel();
    let routes = Routes::new().get("/slow", Access::Public, async move || {
        begun.send(()).unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
        "done"
    });
    let site = Site::new(vec![notes(routes)]);
    let url = site.url("/api/notes/slow");
    let request = thread::spawn(move || ureq::get(url).call().unwrap().body_mut().read_to_string());
    has_begun.recv().unwrap();
    let address = site.url("/healthz");
    drop(site);
    assert_eq!(request.join().unwrap().unwrap(), "done");
    assert!(ureq::get(address).call().is_err());
}
