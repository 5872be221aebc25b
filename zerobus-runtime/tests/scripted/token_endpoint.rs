//! A token endpoint that answers as a test wants.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What was asked of a token endpoint.
#[derive(Debug, Clone)]
pub struct TokenAsked {
    pub path: String,
    pub authorization: Option<String>,
    pub form: BTreeMap<String, String>,
}

/// An answer of a token endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    pub status: u16,
    /// A header more, with its line end.
    pub header: &'static str,
    pub body: &'static str,
}

impl Answer {
    pub const GRANTED: Self = Self {
        status: 200,
        header: "",
        body: r#"{"access_token":"granted","token_type":"Bearer","expires_in":"3600"}"#,
    };
}

/// A token endpoint that serves its answers one after the other, then repeats the last.
pub struct TokenEndpoint {
    pub url: String,
    pub asked: Arc<Mutex<Vec<TokenAsked>>>,
}

impl TokenEndpoint {
    pub async fn start(status: u16, body: &'static str) -> Self {
        Self::answering(vec![Answer { status, header: "", body }]).await
    }

    pub async fn granting() -> Self {
        Self::answering(vec![Answer::GRANTED]).await
    }

    pub async fn answering(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<TokenAsked>>>::default();
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut n = 0;
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, answers[n.min(answers.len() - 1)], Arc::clone(&log)));
                n += 1;
            }
        });
        Self { url, asked }
    }

    pub fn asked(&self) -> Vec<TokenAsked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn answer(stream: TcpStream, answer: Answer, log: Arc<Mutex<Vec<TokenAsked>>>) {
    let mut stream = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) <= 2 {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        head.iter().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let mut form = vec![0; header("content-length").unwrap().parse().unwrap()];
    stream.read_exact(&mut form).await.unwrap();
    let asked = TokenAsked {
        path: head[0].split(' ').nth(1).unwrap().to_owned(),
        authorization: header("authorization"),
        form: String::from_utf8(form).unwrap().split('&').map(field).collect(),
    };
    log.lock().unwrap().push(asked);
    let Answer { status, header, body } = answer;
    let text = format!(
        "HTTP/1.1 {status} X\r\n{header}content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

fn field(pair: &str) -> (String, String) {
    let (name, value) = pair.split_once('=').unwrap();
    (name.to_owned(), percent_decode(value))
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}
