//! `with`: functions and closures that make a field's value.

use std::borrow::Cow;

use serde_json::json;
use zerobus_runtime::{Encoder, ZerobusMessage};

use super::reader::read;
use super::{hex, optional};

/// What only a function can write.
struct Tag {
    name: String,
    weight: u8,
}

impl Tag {
    fn new() -> Self {
        Self { name: "t".to_owned(), weight: 2 }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

fn count(tags: &[Tag]) -> i32 {
    i32::try_from(tags.len()).unwrap()
}

fn parse(text: &str) -> Result<i32, std::num::ParseIntError> {
    text.parse()
}

#[test]
fn with_a_path_reaches_what_the_function_takes() {
    type Maybe = Option<Tag>;
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(with = Tag::name)]
        whole: Tag,
        #[zerobus(with = Tag::name)]
        inside: Option<Tag>,
        #[zerobus(with = Tag::name)]
        alias: Maybe,
        #[zerobus(with = Tag::name)]
        each: Vec<Tag>,
        #[zerobus(with = Tag::name)]
        inside_each: Option<Vec<Tag>>,
        #[zerobus(with = count)]
        count: Vec<Tag>,
        #[zerobus(with = count)]
        maybe_count: Option<Vec<Tag>>,
        #[zerobus(with = Option::is_some)]
        there: Option<Tag>,
        #[zerobus(with = ToString::to_string)]
        text: Option<u64>,
        #[zerobus(with = <u64 as ToString>::to_string, name = "qualified")]
        texts: Vec<u64>,
        #[zerobus(with = parse)]
        parsed: String,
        #[zerobus(with = parse)]
        all_parsed: Option<Vec<String>>,
    }
    let row = Row {
        whole: Tag::new(),
        inside: Some(Tag::new()),
        alias: None,
        each: vec![Tag::new(), Tag::new()],
        inside_each: Some(vec![Tag::new()]),
        count: vec![Tag::new()],
        maybe_count: Some(vec![]),
        there: None,
        text: Some(5),
        texts: vec![u64::MAX],
        parsed: "-7".to_owned(),
        all_parsed: Some(vec!["8".to_owned()]),
    };
    assert_eq!(
        read(&row),
        json!({
            "whole": "t", "inside": "t", "each": ["t", "t"], "inside_each": ["t"], "count": 1, "maybe_count": 0,
            "there": false, "text": "5", "qualified": ["18446744073709551615"], "parsed": -7, "all_parsed": [8],
        })
    );
    assert_eq!(optional::<Row>(), ["inside", "alias", "maybe_count", "text"]);
    let mut out = Encoder::new();
    Row { parsed: "x".to_owned(), ..row }.encode_to(&mut out);
    let refusal = out.take_refusal().expect("x is not a number").to_string();
    assert_eq!(refusal, "the function that converts the field failed: invalid digit found in string");
}

#[test]
fn bytes_are_one_value_to_a_function_of_any_type() {
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(with = hex)]
        digest: Vec<u8>,
        #[zerobus(with = hex)]
        maybe: Option<Vec<u8>>,
        #[zerobus(with = hex)]
        array: [u8; 2],
        #[zerobus(with = <[u8]>::is_ascii)]
        ascii: Vec<u8>,
        #[zerobus(with = |bytes| hex(&bytes[..]))]
        closure: Option<Vec<u8>>,
    }
    let row =
        Row { digest: vec![1, 255], maybe: Some(vec![]), array: [0, 16], ascii: vec![128], closure: Some(vec![9]) };
    assert_eq!(read(&row), json!({"digest": "01ff", "maybe": "", "array": "0010", "ascii": false, "closure": "09"}));
}

#[test]
fn a_closure_names_its_argument_by_any_lifetime() {
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        #[zerobus(with = |text: &Cow<'_, str>| text.trim())]
        inside: Option<Cow<'a, str>>,
        #[zerobus(with = |text: &Cow<'a, str>| text.trim())]
        each: Vec<Cow<'static, str>>,
    }
    let row = Row { inside: Some(" a ".into()), each: vec!["b".into(), " c".into()] };
    assert_eq!(read(&row), json!({"inside": "a", "each": ["b", "c"]}));
}

#[test]
fn with_a_closure_takes_what_is_inside_unless_it_says_otherwise() {
    #[derive(ZerobusMessage)]
    struct Row {
        #[zerobus(with = |tag| i16::from(tag.weight))]
        whole: Tag,
        #[zerobus(with = |tag| tag.name.as_str())]
        inside: Option<Tag>,
        #[zerobus(with = |Tag { name, .. }| name.as_str(), number = 30)]
        each: Vec<Tag>,
        #[zerobus(with = |tag| i32::from(tag.weight))]
        inside_each: Option<Vec<Tag>>,
        #[zerobus(with = |tags: &Vec<Tag>| count(tags))]
        all: Vec<Tag>,
        #[zerobus(with = |tags: &[Tag]| -> Option<String> { tags.first().map(|tag| tag.name.clone()) })]
        slice: Vec<Tag>,
        #[zerobus(with = |tag: &Option<Tag>| tag.as_ref().map_or("", Tag::name))]
        option: Option<Tag>,
        #[zerobus(with = |()| std::convert::identity::<(i32, i32)>((1, 2)).0, name = "commas")]
        unused: (),
    }
    let row = Row {
        whole: Tag::new(),
        inside: Some(Tag::new()),
        each: vec![Tag::new()],
        inside_each: None,
        all: vec![Tag::new()],
        slice: vec![Tag::new()],
        option: None,
        unused: (),
    };
    assert_eq!(
        read(&row),
        json!({"whole": 2, "inside": "t", "each": ["t"], "all": 1, "slice": "t", "option": "", "commas": 1})
    );
    assert_eq!(optional::<Row>(), ["inside", "slice"]);
}

/// The number as another type, by way of a third.
fn by_way_of<A: Copy, B: From<A>, C: From<B>>(number: &A) -> C {
    C::from(B::from(*number))
}

#[test]
fn a_closure_ends_where_the_next_attribute_begins() {
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        #[zerobus(with = |n| 1 + by_way_of::<i8, i16, i64>(n))]
        commas: i8,
        #[zerobus(with = |n| i64::from(*n),)]
        last: i32,
        #[zerobus(with = |text: &Cow<'_, str>| text.len().to_string(), name = "length")]
        borrowed: Option<Cow<'a, str>>,
    }
    let row = Row { commas: 1, last: 2, borrowed: Some("abc".into()) };
    assert_eq!(read(&row), json!({"commas": 2, "last": 2, "length": "3"}));
}

#[test]
fn conversions_reach_pointers_and_arrays() {
    #[derive(ZerobusMessage)]
    struct Row<'a> {
        #[zerobus(timestamp(millis))]
        times: &'a [i64],
        #[zerobus(date)]
        days: [i32; 2],
        #[zerobus(timestamp(secs))]
        boxed: Option<Box<i64>>,
        #[zerobus(decimal(5, 1))]
        text: &'a str,
        #[zerobus(decimal(5, 1))]
        cow: Option<Cow<'a, str>>,
        #[zerobus(decimal(20, 0))]
        number: u64,
    }
    let row = Row {
        times: &[1, 2],
        days: [1, 2],
        boxed: Some(Box::new(1)),
        text: "1.5",
        cow: Some("2".into()),
        number: u64::MAX,
    };
    assert_eq!(
        read(&row),
        json!({
            "times": [1000, 2000], "days": [1, 2], "boxed": 1_000_000, "text": "1.5", "cow": "2.0",
            "number": "18446744073709551615",
        })
    );
}
