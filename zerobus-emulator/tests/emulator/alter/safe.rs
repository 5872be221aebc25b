//! Alterations under which a running stream goes on.

use super::*;

#[tokio::test]
async fn a_new_nullable_column_leaves_open_streams_open_and_is_there_for_new_ones() {
    on_each_sink(async |emulator| {
        let table = crate::support::table(ORDERS);
        let mut json = Call::json(&emulator, ORDERS).await;
        let mut proto = Call::proto(&emulator, &table).await;
        send(&mut json, 0, &order(0)).await;
        let answer = altered(&emulator, with(plain("channel", "string", true))).await;
        assert_eq!(answer["severity"], "safe");
        assert_eq!(answer["changes"][0]["kind"], "added");
        send(&mut json, 1, &order(1)).await;
        proto.send_proto(0, crate::support::record(&table, &order(2))).await;
        proto.acked(0).await;
        let mut new = Call::json(&emulator, ORDERS).await;
        let mut row = order(3);
        row["channel"] = json!("web");
        send(&mut new, 0, &row).await;
        let found = rows(&emulator).await;
        assert_eq!(
            found.iter().map(|row| row["channel"].clone()).collect::<Vec<_>>(),
            [json!(null), json!(null), json!(null), json!("web")]
        );
        // An open stream still has the descriptor that it opened with.
        json.send_json(2, &row).await;
        assert_eq!(json.refusal().await.code(), Code::InvalidArgument);
        let described = get(&emulator, &format!("/emulator/tables/{ORDERS}")).await;
        assert!(described["columns"].as_array().unwrap().iter().any(|column| column["name"] == "channel"));
        proto.finish().await.unwrap();
        new.finish().await.unwrap();
        emulator.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn safe_changes_of_every_kind_leave_a_stream_open() {
    on_each_sink(async |emulator| {
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0, &order(0)).await;
        let mut comment = definition();
        column(&mut comment, "currency")["comment"] = json!("ISO 4217 <b>");
        let mut nullable = definition();
        column(&mut nullable, "placed_at")["nullable"] = json!(false);
        column(&mut nullable, "currency")["nullable"] = json!(true);
        let changes = [comment, nullable, retyped("currency", "string"), definition()];
        for (offset, change) in (1..).zip(changes) {
            altered(&emulator, &change).await;
            send(&mut call, offset, &order(offset)).await;
        }
        assert_eq!(rows(&emulator).await.len(), 5);
        call.finish().await.unwrap();
        emulator.shutdown().await;
    })
    .await;
}
