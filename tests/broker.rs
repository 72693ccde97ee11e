//! The dev broker over sockets, against bytes written by hand and against an independent client.

mod core;
mod limits;
mod publish;
mod session;
mod subscribe;
mod will;

use crate::support::broker::TestBroker;
use crate::support::wire::Wire;

const CONNECT_311: &str = "10 0d 0004 'MQTT' 04 02 003c 0001";
const CONNECT_5: &str = "10 0e 0004 'MQTT' 05 02 003c 00 0001";
/// CONNACK with a topic alias maximum of 64.
const CONNACK_5: &str = "20 06 00 00 03 22 0040";

fn connect_311(broker: &TestBroker, client_id: char) -> Wire {
    let mut wire = Wire::connect(broker.port());
    wire.send(&format!("{CONNECT_311} '{client_id}'"));
    wire.expect("20 02 00 00");
    wire
}

fn connect_5(broker: &TestBroker, client_id: char) -> Wire {
    let mut wire = Wire::connect(broker.port());
    wire.send(&format!("{CONNECT_5} '{client_id}'"));
    wire.expect(CONNACK_5);
    wire
}

#[test]
fn a_message_goes_from_3_1_1_to_5_and_back() {
    // 311:3.1.4-4 5:3.1.4-5 311:3.8.4-1 5:3.8.4-1 5:4.3.1-1 311:4.3.1-1
    let broker = TestBroker::start();
    let mut old = connect_311(&broker, 'a');
    let mut new = connect_5(&broker, 'b');
    old.send("82 08 0001 0003 'x/+' 00");
    old.expect("90 03 0001 00");
    new.send("82 09 0001 00 0003 'y/#' 00");
    new.expect("90 04 0001 00 00");
    new.send("30 08 0003 'x/1' 00 'hi'");
    old.expect("30 07 0003 'x/1' 'hi'");
    old.send("30 07 0003 'y/2' 'ho'");
    new.expect("30 08 0003 'y/2' 00 'ho'");
    // 311:3.12.4-1 5:3.12.4-1
    old.send("c0 00");
    old.expect("d0 00");
}
