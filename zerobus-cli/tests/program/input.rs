//! Input that is broken, odd or missing: each is reported in one sentence, and the rows before it are durable and
//! counted.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
#[cfg(target_os = "linux")]
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use arrow_array::{Array as _, ArrayRef, DictionaryArray, Int64Array, RecordBatch, StructArray, types::Int32Type};
use arrow_ipc::writer::StreamWriter;
use parquet::arrow::ArrowWriter;
use parquet::data_type::{
    ByteArray, ByteArrayType, FixedLenByteArray, FixedLenByteArrayType, Int64Type, Int96, Int96Type,
};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::json;

use crate::support::{Bench, Run, TABLE, figures, finish, lines};

fn error(run: &Run) -> String {
    run.json()["error"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_without_rows_are_no_rows() {
    let bench = Bench::new().await;
    bench.write("empty.ndjson", "");
    bench.write("blank.ndjson", "\n \r\n\n");
    bench.write("mark.ndjson", "\u{feff}");
    bench.write("header.csv", "id,name\n");
    bench.write(
        "empty.ndjson.gz",
        flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()).finish().unwrap(),
    );
    bench.write("empty.ndjson.zst", zstd::encode_all(&b""[..], 1).unwrap());
    let schema =
        RecordBatch::try_from_iter([("id", Arc::new(Int64Array::from(vec![1])) as ArrayRef)]).unwrap().schema();
    ArrowWriter::try_new(File::create(bench.path("empty.parquet")).unwrap(), Arc::clone(&schema), None)
        .unwrap()
        .close()
        .unwrap();
    StreamWriter::try_new(File::create(bench.path("empty.arrow")).unwrap(), &schema).unwrap().finish().unwrap();
    for file in [
        "empty.ndjson",
        "blank.ndjson",
        "mark.ndjson",
        "header.csv",
        "empty.ndjson.gz",
        "empty.ndjson.zst",
        "empty.parquet",
        "empty.arrow",
    ] {
        let run = bench.run(&["send", TABLE, file, "--json"]).await;
        assert_eq!((run.code, figures(&run)), (0, (0, 0, 0)), "{file}: {run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_file_is_named_and_the_rows_before_the_cut_are_durable() {
    let bench = Bench::new().await;
    let (mut ids, mut expected) = (0, 0);
    let mut next = |rows: i64| {
        ids += rows;
        ids - rows..ids
    };
    let mut zstd = zstd::encode_all(lines(next(30_000)).as_bytes(), 1).unwrap();
    zstd.truncate(zstd.len() / 2);
    bench.write("cut.ndjson.zst", zstd);
    // A complete frame, and half of another.
    let mut frames = zstd::encode_all(lines(next(1_000)).as_bytes(), 1).unwrap();
    let second = zstd::encode_all(lines(next(1_000)).as_bytes(), 1).unwrap();
    frames.extend(&second[..second.len() / 2]);
    bench.write("frames.ndjson.zst", frames);
    let mut stream = StreamWriter::try_new(Vec::new(), &ids_of(0..1).schema()).unwrap();
    for _ in 0..10 {
        stream.write(&ids_of(next(1_000))).unwrap();
    }
    let mut stream = stream.into_inner().unwrap();
    stream.truncate(stream.len() * 3 / 4);
    bench.write("cut.arrow", stream);
    for (file, least) in [("cut.ndjson.zst", 1), ("frames.ndjson.zst", 1_000), ("cut.arrow", 5_000)] {
        let run = bench.run(&["send", TABLE, file, "--json", "--checkpoint", file.split('.').next().unwrap()]).await;
        let (read, durable, refused) = figures(&run);
        assert_eq!((run.code, refused), (1, 0), "{file}: {run:?}");
        assert!(read >= least && durable == read, "{file}: {run:?}");
        assert!(
            error(&run).starts_with(&format!("{file}: ")) && error(&run).contains("cannot be read"),
            "{file}: {run:?}"
        );
        expected += durable;
        assert_eq!(bench.ids().await.len() as u64, expected, "{file}");
        fs::remove_file(bench.path(file.split('.').next().unwrap())).unwrap();
    }
    // Parquet has its metadata at the end of the file.
    let mut whole = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut whole, ids_of(0..1).schema(), None).unwrap();
    writer.write(&ids_of(0..5_000)).unwrap();
    writer.close().unwrap();
    bench.write("cut.parquet", &whole[..whole.len() / 2]);
    let run = bench.run(&["send", TABLE, "cut.parquet", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (1, (0, 0, 0)), "{run:?}");
    assert!(error(&run).starts_with("cut.parquet: it cannot be read: "), "{run:?}");
}

fn ids_of(ids: std::ops::Range<i64>) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(ids));
    RecordBatch::try_from_iter([("id", column)]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn input_that_is_no_file_of_rows_is_named() {
    let bench = Bench::new().await;
    fs::create_dir(bench.path("days")).unwrap();
    bench.write("wide.csv", "\u{feff}id\n1\n".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    bench.write("empty.csv", "");
    bench.write("twice.csv", "id,ID\n1,2\n");
    bench.write("unknown.csv", "id,nome\n1,x\n");
    bench.write("required.csv", "name\nx\n");
    bench.write("a.csv", "id,name\n1,a\n");
    bench.write("b.csv", "id,price\n2,x\n");
    for (arguments, expected) in [
        (&["days"][..], "days is a folder; name its files, as in 'days/*.ndjson'"),
        (&["days/*"], "there is no file days/*"),
        (&["wide.csv"], "wide.csv: it cannot be read: it is UTF-16; convert it"),
        (&["empty.csv"], "empty.csv: it has no header with the names of the columns"),
        (&["twice.csv"], "twice.csv, line 1: column ID: found it twice in the header"),
        (&["unknown.csv"], "unknown.csv, line 1: found the text \"nome\" in the header, expected names of the table"),
        (&["required.csv"], "required.csv, line 1: column id: found no value"),
        (&["a.csv", "b.csv"], "b.csv, line 2: column price: found the text \"x\", expected DECIMAL(10,2)"),
        (&["a.csv", "./a.csv"], "is named twice"),
    ] {
        let run = bench.run(&[&["send", TABLE][..], arguments].concat()).await;
        assert_eq!(run.code, 1, "{arguments:?}: {run:?}");
        assert!(run.err.contains(expected), "{arguments:?}: {run:?}");
    }
    assert_eq!(bench.ids().await, [1], "the file before is sent, and each of two files has a header of its own");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_with_a_name_is_read_to_its_end_and_takes_no_checkpoint() {
    let bench = Bench::new().await;
    let made = std::process::Command::new("mkfifo").arg(bench.path("rows.ndjson")).status().unwrap();
    assert!(made.success());
    let path = bench.path("rows.ndjson");
    let writer = std::thread::spawn(move || fs::write(path, lines(0..1_000)).unwrap());
    let run = bench.run(&["send", TABLE, "rows.ndjson", "--json"]).await;
    writer.join().unwrap();
    assert_eq!((run.code, figures(&run)), (0, (1_000, 1_000, 0)), "{run:?}");
    let run = bench.run(&["send", TABLE, "rows.ndjson", "--checkpoint", "c"]).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("rows.ndjson cannot be read twice, so --checkpoint does not apply to it"), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_taken_for_parquet_by_more_than_its_first_letters() {
    let bench =
        Bench::with("CREATE TABLE main.shop.orders (id BIGINT NOT NULL, par1 STRING) USING DELTA;", |it| it).await;
    for (file, text) in [("a.csv", "PAR1,id\nx,1\n"), ("b.csv", "PAR1;id\r\nx;2\r\n"), ("c.tsv", "PAR1\tid\nx\t3\n")] {
        bench.write(file, text);
        let run = bench.run(&["send", TABLE, file, "--json"]).await;
        assert_eq!((run.code, figures(&run)), (0, (1, 1, 0)), "{file}: {run:?}");
    }
    assert_eq!(bench.ids().await, [1, 2, 3]);
    for rows in [0..0, 0..10] {
        let mut whole = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut whole, ids_of(0..1).schema(), None).unwrap();
        writer.write(&ids_of(rows)).unwrap();
        writer.close().unwrap();
        bench.write("d.csv", whole);
        let run = bench.run(&["send", TABLE, "d.csv", "--json"]).await;
        assert!(error(&run).contains("it is a Parquet file; `--format parquet` reads it"), "{run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_csv_is_named_by_its_line_with_any_line_end() {
    let bench = Bench::new().await;
    for end in ["\n", "\r\n", "\r"] {
        bench.write("a.csv", ["id;name", "1;a", "2;b,,,", "", "x;c"].join(end));
        let run = bench.run(&["send", TABLE, "a.csv"]).await;
        assert!(run.err.contains("refused: a.csv, line 5: column id: found the text \"x\""), "{end:?}: {run:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn two_pipes_without_names_are_two_inputs() {
    let bench = Bench::new().await;
    bench.write("a", lines(0..10));
    bench.write("b", lines(10..20));
    // As a shell's `<(cat a) <(cat b)` names them.
    let script = "cat a | { cat b | \"$0\" \"$@\" /dev/fd/3 /dev/fd/0; } 3<&0";
    let program = env!("CARGO_BIN_EXE_zerobus");
    let mut command = bench.program(&[]);
    let environment: Vec<_> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    command = std::process::Command::new("sh");
    command.args(["-c", script, program, "send", TABLE, "--format", "ndjson", "--json"]);
    command.current_dir(bench.folder.path()).envs(environment);
    let run = finish(command).await;
    assert_eq!((run.code, figures(&run)), (0, (20, 20, 0)), "{run:?}");
    assert_eq!(bench.ids().await, (0..20).collect::<Vec<_>>());
    for names in [["-", "-"], ["/dev/fd/0", "/dev/fd/0"]] {
        let run = bench.run(&[&["send", TABLE, "--format", "ndjson"][..], &names].concat()).await;
        assert!(run.err.contains(&format!("{} is named twice", names[0])), "{run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_grows_while_it_is_read_is_sent_as_far_as_it_is_whole() {
    let bench = Bench::new().await;
    // The last line is incomplete.
    bench.write("app.ndjson", format!("{}{{\"id\": 100, \"na", lines(0..100)));
    let arguments = ["send", TABLE, "app.ndjson", "--json", "--checkpoint", "c"];
    let run = bench.run(&arguments).await;
    assert_eq!((run.code, figures(&run)), (1, (101, 100, 1)), "{run:?}");
    assert!(error(&run).contains("1 row was refused"), "{run:?}");
    let mut file = OpenOptions::new().append(true).open(bench.path("app.ndjson")).unwrap();
    file.write_all(format!("me\": \"n100\"}}\n{}", lines(101..200)).as_bytes()).unwrap();
    let run = bench.run(&arguments).await;
    assert_eq!((run.code, figures(&run)), (0, (100, 100, 0)), "{run:?}");
    assert_eq!(bench.ids().await, (0..200).collect::<Vec<_>>());
}

fn append(bench: &Bench, file: &str, text: &str) {
    OpenOptions::new().append(true).open(bench.path(file)).unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_row_that_was_sent_before_it_was_whole_is_sent_again_as_a_whole() {
    let bench = Bench::new().await;
    // The text of a file so far, and what it grows by: rows read and whether one of them was read in part before.
    for (file, start, growth) in [
        ("a.csv", "id,name\n1,a\n2,bo", &[("b\n3,c\n", 2, true), ("4,d", 1, false), ("\r\n5,e\n", 1, false)][..]),
        ("b.csv", "id,name\n1,a\n2,\"b\"", &[("", 0, false), ("o", 1, true), ("b\n", 1, true), ("3,c\n", 1, false)]),
        ("c.csv", "id,name\r1,a\r2,b", &[("\r3,c\r", 1, false)]),
        ("d.ndjson", "{\"id\": 1}\n{\"id\": 2}", &[(" \r\n{\"id\": 3}", 1, false), ("\n{\"id\": 4}\n", 1, false)]),
        ("e.ndjson", "{\"id\": 1}\n{\"id\": 2, \"na", &[("me\": \"bob\"}\n{\"id\": 3}\n", 2, true), ("", 0, false)]),
    ] {
        bench.write(file, start);
        let letters = format!("{file}.dead");
        let arguments = ["send", TABLE, file, "--json", "--checkpoint", "c", "--dead-letters", &letters];
        let arguments = [&arguments[..], &["--max-rejected", "1"]].concat();
        let run = bench.run(&arguments).await;
        assert_eq!(figures(&run).0, 2, "{file}: {run:?}");
        for (text, rows, is_cut) in growth {
            append(&bench, file, text);
            let run = bench.run(&arguments).await;
            assert_eq!((run.code, figures(&run)), (0, (*rows, *rows, 0)), "{file}: {run:?}");
            let remark = format!("{file}: row 2 was incomplete when it was sent; all of it is sent now");
            assert_eq!(run.err.contains(&remark), *is_cut, "{file}: {run:?}");
        }
        assert_eq!(figures(&bench.run(&arguments).await).0, 0, "{file}");
    }
    let names: Vec<_> =
        bench.rows().await.into_iter().filter(|row| row["id"] == 2).map(|row| row["name"].clone()).collect();
    assert_eq!(names[..2], [json!("bo"), json!("bob")]);
    assert_eq!(bench.read("e.ndjson.dead").lines().count(), 1, "the refused part of a row stays a dead letter");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_sent_again_as_a_whole_survives_a_kill() {
    let bench = Bench::new().await;
    bench.write("a.csv", "id,name\n1,a\n2,bo");
    let arguments = ["send", TABLE, "a.csv", "--json", "--checkpoint", "c"];
    assert_eq!(figures(&bench.run(&arguments).await), (2, 2, 0));
    append(&bench, "a.csv", "b\n");
    bench.emulator.inject("ack-delay=600s".parse().unwrap());
    let mut child = bench.program(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while child.try_wait().unwrap().is_none() && !bench.read("c").contains("\"rows\":1") {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    child.kill().unwrap();
    tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    bench.emulator.clear_faults();
    let run = bench.run(&arguments).await;
    assert_eq!((run.code, figures(&run)), (0, (1, 1, 0)), "{run:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_replaced_is_not_taken_for_the_one_of_the_checkpoint() {
    let bench = Bench::new().await;
    bench.write("day.ndjson", lines(0..100));
    let arguments = ["send", TABLE, "day.ndjson", "--json", "--checkpoint", "c"];
    assert_eq!(figures(&bench.run(&arguments).await), (100, 100, 0));
    bench.write("day.ndjson", lines(1_000..1_200));
    let run = bench.run(&arguments).await;
    assert_eq!(run.code, 1, "{run:?}");
    assert!(run.err.contains("day.ndjson: it is not the checkpoint's file, since it begins differently"), "{run:?}");
    assert_eq!(bench.ids().await, (0..100).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_of_other_writers_is_read_by_value() {
    let bench = Bench::new().await;
    // Spark's INT96 times, decimals of fixed length, and dictionaries.
    let schema = "message spark_schema {
        required int64 id; optional int96 at; optional fixed_len_byte_array(5) price (DECIMAL(10,2));
        optional binary name (UTF8);
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let file = File::create(bench.path("spark.parquet")).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1, 2], None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    // Nanoseconds of the day in two words, and the Julian day: 1970-01-02T00:00:01Z.
    let mut at = Int96::new();
    at.set_data(1_000_000_000, 0, 2_440_589);
    column.typed::<Int96Type>().write_batch(&[at], Some(&[1, 0]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let price = FixedLenByteArray::from(vec![0xff, 0xff, 0xff, 0xff, 0x85]);
    column.typed::<FixedLenByteArrayType>().write_batch(&[price], Some(&[0, 1]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    let names = [ByteArray::from("ä"), ByteArray::from("ä")];
    column.typed::<ByteArrayType>().write_batch(&names, Some(&[1, 1]), None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let run = bench.run(&["send", TABLE, "spark.parquet", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (0, (2, 2, 0)), "{run:?}");
    let rows = bench.rows().await;
    assert_eq!((&rows[0]["at"], &rows[0]["name"]), (&json!(86_401_000_000_i64), &json!("ä")));
    assert_eq!((&rows[1]["price"], &rows[1]["name"]), (&json!("-1.23"), &json!("ä")));
    assert!(rows[1].get("at").is_none_or(serde_json::Value::is_null), "{rows:?}");

    // NULL inside a struct, a struct that is NULL, and a dictionary.
    let lat: ArrayRef = Arc::new(arrow_array::Float64Array::from(vec![Some(1.5), None, None]));
    let field = arrow_schema::Field::new("lat", lat.data_type().clone(), true);
    let valid = arrow_buffer::NullBuffer::from(vec![true, true, false]);
    let place = StructArray::new(vec![field].into(), vec![lat], Some(valid));
    let name: DictionaryArray<Int32Type> = [Some("x"), None, Some("x")].into_iter().collect();
    let columns: [(&str, ArrayRef); 3] =
        [("id", Arc::new(Int64Array::from(vec![3, 4, 5]))), ("place", Arc::new(place)), ("name", Arc::new(name))];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap();
    let mut writer =
        ArrowWriter::try_new(File::create(bench.path("nulls.parquet")).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let run = bench.run(&["send", TABLE, "nulls.parquet", "--json"]).await;
    assert_eq!((run.code, figures(&run)), (0, (3, 3, 0)), "{run:?}");
    let rows = bench.rows().await;
    assert_eq!((&rows[2]["place"]["lat"], &rows[2]["name"]), (&json!(1.5), &json!("x")));
    assert!(rows[3]["place"].is_object() && rows[3]["place"]["lat"].is_null(), "{rows:?}");
    assert!(rows[4].get("place").is_none_or(serde_json::Value::is_null), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_is_no_utf_8_is_one_refused_row_kept_as_it_is() {
    let bench = Bench::new().await;
    bench.write("latin.ndjson", b"{\"id\":1}\n{\"id\":2,\"name\":\"M\xfcller\"}\n{\"id\":3}\n");
    bench.write("latin.csv", b"id,name\n4,a\n5,M\xfcller\n6,c\n");
    for (file, ids) in [("latin.ndjson", [1, 3]), ("latin.csv", [4, 6])] {
        let arguments = ["send", TABLE, file, "--json", "--dead-letters", "dead", "--max-rejected", "1"];
        let run = bench.run(&arguments).await;
        assert_eq!((run.code, figures(&run)), (3, (3, 2, 1)), "{file}: {run:?}");
        assert!(bench.ids().await.ends_with(&ids), "{file}");
    }
    let letters: Vec<_> =
        zerobus_runtime::DeadLetter::read_from(bench.read("dead").as_bytes()).map(Result::unwrap).collect();
    assert_eq!(letters[0].bytes().as_ref(), b"{\"id\":2,\"name\":\"M\xfcller\"}");
    assert_eq!(letters[1].source(), Some("latin.csv, line 3"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_that_is_open_at_the_end_of_a_file_is_an_error_and_swallows_no_row() {
    let bench = Bench::new().await;
    bench.write("open.csv", "id,name\n1,a\n2,\"b\n3,c\n4,d\n");
    let arguments = ["send", TABLE, "open.csv", "--json", "--dead-letters", "dead", "--max-rejected", "9"];
    let run = bench.run(&arguments).await;
    assert_eq!((run.code, figures(&run)), (1, (1, 1, 0)), "{run:?}");
    assert_eq!(error(&run), "open.csv: line 3 cannot be read: one of its quotes is never closed");
    assert_eq!((bench.ids().await, bench.read("dead")), (vec![1], String::new()));
    bench.write("header.csv", "id,\"name\n1,a\n");
    let run = bench.run(&["send", TABLE, "header.csv", "--json"]).await;
    assert_eq!(error(&run), "header.csv: its header cannot be read: one of its quotes is never closed");
}

/// A disk of two pages; none without the right to mount one.
#[cfg(target_os = "linux")]
fn small_disk(bench: &Bench) -> Option<PathBuf> {
    let disk = bench.path("disk");
    fs::create_dir(&disk).unwrap();
    let mut mount = std::process::Command::new("mount");
    let mount = mount.args(["-t", "tmpfs", "-o", "size=8k", "none"]).arg(&disk).stderr(Stdio::null()).status();
    mount.is_ok_and(|status| status.success()).then_some(disk)
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_runs_full_under_the_dead_letters_loses_no_row() {
    let ddl = "CREATE TABLE main.shop.small (n INT, t TINYINT) USING DELTA;";
    let bench = Bench::with(ddl, |builder| builder).await;
    let Some(disk) = small_disk(&bench) else { return };
    fs::write(disk.join("full"), [0; 4096]).unwrap();
    bench.write("wide.sql", ddl.replace("TINYINT", "INT"));
    // The server refuses every second row, and its letters do not fit on a page.
    let row = |n: i64| format!("{{\"n\":{n},\"t\":{}}}\n", n % 2 * 1_000);
    bench.write("rows.ndjson", (0..60).map(row).collect::<String>());
    let arguments = [
        &["send", "main.shop.small", "rows.ndjson", "--ddl", "wide.sql", "--json", "--checkpoint", "state.json"][..],
        &["--dead-letters", "disk/dead.ndjson", "--max-rejected", "100"],
    ]
    .concat();
    let run = bench.run(&arguments).await;
    fs::remove_file(disk.join("full")).unwrap();
    std::process::Command::new("mount").args(["-o", "remount,size=1m"]).arg(&disk).status().unwrap();
    let again = bench.run(&arguments).await;
    let dead = bench.read("disk/dead.ndjson");
    std::process::Command::new("umount").arg(&disk).status().unwrap();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(error(&run).contains("cannot write the dead letters to disk/dead.ndjson"), "{run:?}");
    assert_eq!(again.code, 3, "{again:?}");
    let stored = bench.emulator.rows("main.shop.small").await.unwrap();
    let mut numbers: Vec<i64> = stored.iter().map(|row| row["n"].as_i64().unwrap()).collect();
    for letter in dead.lines() {
        let letter: serde_json::Value = serde_json::from_str(letter).unwrap();
        numbers.push(letter["json"]["n"].as_i64().unwrap());
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (0..60).collect::<Vec<_>>());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_runs_full_under_the_checkpoint_stops_it_and_no_row_counts_that_is_not_durable() {
    let bench = Bench::new().await;
    let Some(disk) = small_disk(&bench) else { return };
    bench.write("rows.ndjson", lines(0..20_000));
    let arguments = ["send", TABLE, "rows.ndjson", "--json", "--checkpoint", "disk/state.json", "--rate", "20000"];
    let mut command = bench.program(&arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while bench.ids().await.len() < 2_000 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    fs::write(disk.join("full"), [0; 4096]).unwrap();
    let run: Run = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap().into()).await.unwrap();
    let state: serde_json::Value = serde_json::from_slice(&fs::read(disk.join("state.json")).unwrap()).unwrap();
    fs::remove_file(disk.join("full")).unwrap();
    let again = finish(bench.program(&arguments)).await;
    std::process::Command::new("umount").arg(&disk).status().unwrap();
    assert_eq!(run.code, 1, "{run:?}");
    assert!(error(&run).contains("cannot write the checkpoint disk/state.json: "), "{run:?}");
    let (read, durable, _) = figures(&run);
    assert_eq!(read, durable, "what was sent is durable and counted: {run:?}");
    assert!(state["files"][0]["rows"].as_u64().unwrap() <= durable, "{state}");
    assert_eq!(again.code, 0, "{again:?}");
    let mut ids = bench.ids().await;
    ids.dedup();
    assert_eq!(ids, (0..20_000).collect::<Vec<_>>());
}

/// Alters the table while rows are written to it.
fn alter(bench: &Bench, ddl: &'static str) {
    let url = format!("{}/emulator/tables/{TABLE}", bench.emulator.url());
    let answer = ureq::put(url).header("x-zerobus-emulator", "1").send(ddl);
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_changes_while_it_is_written_to_costs_no_row() {
    let bench =
        Bench::with("CREATE TABLE main.shop.orders (id BIGINT NOT NULL, name STRING) USING DELTA;", |it| it).await;
    let arguments = ["send", TABLE, "-", "--json", "--dead-letters", "dead", "--max-rejected", "100"];
    let mut command = bench.program(&arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(lines(0..10).as_bytes()).unwrap();
    while bench.ids().await.len() < 10 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let run = tokio::task::spawn_blocking(move || {
        alter(&bench, "CREATE TABLE main.shop.orders (id BIGINT NOT NULL) USING DELTA;");
        input.write_all(lines(10..20).as_bytes()).unwrap();
        drop(input);
        (Run::from(child.wait_with_output().unwrap()), bench)
    });
    let (run, bench) = run.await.unwrap();
    assert_eq!(run.code, 1, "{run:?}");
    let (read, durable, refused) = figures(&run);
    let kept = bench.read("dead").lines().count() as u64;
    assert_eq!((read, durable, refused + run.json()["rows_undelivered"].as_u64().unwrap()), (20, 10, kept), "{run:?}");
    assert_eq!(kept, 10, "{run:?}");
    assert!(error(&run).contains("name"), "the column is named: {run:?}");
}
