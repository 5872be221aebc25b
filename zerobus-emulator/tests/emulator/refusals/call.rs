//! Refusals of the call itself.

use super::*;

async fn refused(token: &str, table: &str) -> Status {
    let emulator = emulator().await;
    Call::start(emulator.url(), token, table).await.err().unwrap()
}

#[tokio::test]
async fn a_token_that_was_not_handed_out_here() {
    expect(&refused("made-up", ORDERS).await, Code::Unauthenticated, 16, "the token is refused");
}

#[tokio::test]
async fn a_token_past_its_time() {
    let emulator = limited(|limits| limits.token_lifetime = Duration::ZERO).await;
    let token = token(&emulator, Some(ORDERS)).await;
    let status = Call::start(emulator.url(), &token, ORDERS).await.err().unwrap();
    expect(&status, Code::Unauthenticated, 16, "expired");
}

#[tokio::test]
async fn a_token_of_another_table_or_of_the_rest_api() {
    let emulator = emulator().await;
    for token in [token(&emulator, Some(EVERY)).await, token(&emulator, None).await] {
        let status = Call::start(emulator.url(), &token, ORDERS).await.err().unwrap();
        expect(&status, Code::PermissionDenied, 3, ORDERS);
    }
}
