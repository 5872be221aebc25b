//! Alterations that end a running stream, as the service would.

use super::*;

#[tokio::test]
async fn breaking_changes_end_streams_with_8001_and_keep_their_rows() {
    let breaking = [
        (without("currency"), "currency"),
        (retyped("order_id", "string"), "order_id"),
        (with(plain("region", "string", false)), "region"),
    ];
    for (definition, names) in breaking {
        on_each_sink(async |emulator| {
            let table = crate::support::table(ORDERS);
            let mut json = Call::json(&emulator, ORDERS).await;
            let mut proto = Call::proto(&emulator, &table).await;
            if names == "currency" {
                send(&mut json, 0, &order(7)).await;
                proto.send_proto(0, crate::support::record(&table, &order(8))).await;
                proto.acked(0).await;
            }
            let answer = altered(&emulator, &definition).await;
            assert_eq!(answer["severity"], "breaking", "{answer}");
            assert_eq!(rows(&emulator).await.len(), if names == "currency" { 2 } else { 0 });
            for call in [json, proto] {
                let refusal = call.refusal().await;
                assert_eq!(refusal.code(), Code::InvalidArgument);
                assert!(refusal.message().contains("Error Code: 8001"), "{}", refusal.message());
                assert!(refusal.message().contains(names), "{}", refusal.message());
            }
            let again = Call::open(&emulator, ORDERS, RecordType::Proto, Some(&table.descriptor())).await;
            assert!(again.err().unwrap().message().contains("Error Code: 8001"));
            emulator.shutdown().await;
        })
        .await;
    }
}

#[tokio::test]
async fn rows_are_brought_into_the_new_definition() {
    on_each_sink(async |emulator| {
        let mut call = Call::json(&emulator, ORDERS).await;
        for offset in 0..3 {
            send(&mut call, offset, &order(offset)).await;
        }
        altered(&emulator, without("currency")).await;
        assert!(rows(&emulator).await.iter().all(|row| row.get("currency").is_none()));
        // A column of the same name is another one, and has none of the old values.
        let mut other = retyped("currency", "int");
        column(&mut other, "currency")["nullable"] = json!(true);
        altered(&emulator, other).await;
        assert_eq!(ids(&emulator).await, [0, 1, 2]);
        let found = rows(&emulator).await;
        assert!(found.iter().all(|row| row["currency"].is_null()));
        emulator.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn an_alteration_that_a_row_does_not_fit_is_refused_and_changes_nothing() {
    on_each_sink(async |emulator| {
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0, &order(0)).await;
        for definition in
            [retyped("currency", "varchar(2)"), retyped("currency", "int"), with(plain("region", "string", false))]
        {
            let (status, answer) = put(&emulator, &definition).await;
            assert_eq!(status, 409, "{answer}");
            assert!(answer["message"].as_str().unwrap().contains("row 0"), "{answer}");
        }
        send(&mut call, 1, &order(1)).await;
        assert_eq!(rows(&emulator).await.len(), 2);
        call.finish().await.unwrap();
        emulator.shutdown().await;
    })
    .await;
}

#[tokio::test]
async fn a_definition_that_takes_no_rows_ends_streams_and_the_next_goes_on() {
    on_each_sink(async |emulator| {
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0, &order(0)).await;
        let mut view = definition();
        view["table_type"] = json!("VIEW");
        let answer = altered(&emulator, &view).await;
        assert!(answer["refused_because"].as_str().unwrap().contains("4024"), "{answer}");
        assert!(call.refusal().await.message().contains("Error Code: 4024"));
        altered(&emulator, with(plain("channel", "string", true))).await;
        let mut call = Call::json(&emulator, ORDERS).await;
        send(&mut call, 0, &order(1)).await;
        assert_eq!(rows(&emulator).await.len(), 2);
        emulator.shutdown().await;
    })
    .await;
}
