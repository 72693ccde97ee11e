//! The end of standard input, and the end of the command with it.

use crate::support::broker::TestBroker;
use crate::support::mqt::Mqt;

#[test]
fn a_broker_that_is_gone_is_not_waited_for_when_all_is_confirmed() {
    let mut broker = TestBroker::start();
    let port = broker.port().to_string();
    let mut run = Mqt::new(["pub", "-p", &port, "-t", "a", "-l", "-q", "1", "-d", "--summary=json"]).start();
    run.write_stdin("one\ntwo\n");
    run.wait_for_stderr("< PUBACK id 2");
    broker.stop();
    run.wait_for_stderr("warning[lost]");
    run.close_stdin();
    let outcome = run.wait();
    outcome.assert_code(0).assert_stderr_has("\"asked\":2,\"sent\":2,\"confirmed\":2,");
}
