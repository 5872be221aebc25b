//! Which requests go into one commit.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::queue::{Command, Queued, Request};

/// Rows that make a commit without further waiting.
const ROWS: usize = 200_000;
/// Memory of rows that makes a commit without further waiting.
const WEIGHT: usize = 64 << 20;
/// The first step of a wait that grows.
const STEP: Duration = Duration::from_millis(1);

/// How long commits wait for further requests, learned from earlier waits.
///
/// A client that waits for each ack gains nothing if the commit waits, so there is no wait. Where requests come
/// whether or not earlier ones are acked, waiting makes fewer and larger commits, up to the limit.
#[derive(Debug)]
pub(super) struct Gather {
    most: Duration,
    wait: Duration,
    learns: bool,
}

/// Requests that are committed together.
#[derive(Debug, Default)]
pub(super) struct Group {
    requests: Vec<Request>,
    rows: usize,
    weight: usize,
    /// A command that runs after them; it ends the group.
    command: Option<Command>,
}

impl Gather {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, wait: Duration::ZERO, learns: true }
    }

    /// Always waits as long as this.
    pub(super) const fn always(wait: Duration) -> Self {
        Self { most: wait, wait, learns: false }
    }

    /// The first request, and all that follow it in time.
    pub(super) async fn group(&mut self, first: Queued, queue: &mut mpsc::UnboundedReceiver<Queued>) -> Group {
        let mut group = Group::default();
        group.add(first);
        // What is taken from the queue is in the group: a full one takes nothing.
        while !group.is_full() {
            let Ok(queued) = queue.try_recv() else { break };
            group.add(queued);
        }
        let present = group.requests.len();
        let begin = Instant::now();
        while !group.is_full() && !self.wait.is_zero() {
            // If nothing comes for a part of the wait, all clients that do not wait for acks have sent.
            let end = begin + self.wait;
            let pause = if self.learns { end.min(Instant::now() + self.wait / 4) } else { end };
            match tokio::time::timeout_at(pause, queue.recv()).await {
                Ok(Some(queued)) => group.add(queued),
                Ok(None) | Err(_) => break,
            }
        }
        if self.learns && !group.requests.is_empty() {
            self.learn(present, group.requests.len());
        }
        group
    }

    /// A group of several requests shows that requests come faster than commits.
    fn learn(&mut self, present: usize, gathered: usize) {
        let worth = gathered > present || (self.wait.is_zero() && present > 1);
        self.wait = if worth { (self.wait * 2).max(STEP).min(self.most) } else { self.wait / 2 };
        if self.wait < STEP && !worth {
            self.wait = Duration::ZERO;
        }
    }
}

impl Group {
    pub(super) fn into_parts(self) -> (Vec<Request>, Option<Command>) {
        (self.requests, self.command)
    }

    fn add(&mut self, queued: Queued) {
        match queued {
            Queued::Command(command) => self.command = Some(command),
            Queued::Request(request) => {
                self.rows += request.append.rows.len();
                self.weight += request.append.weight;
                self.requests.push(request);
            }
        }
    }

    const fn is_full(&self) -> bool {
        self.rows >= ROWS || self.weight >= WEIGHT || self.command.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_stands_behind_a_full_group_stays_in_the_queue() {
        let (sender, mut queue) = mpsc::unbounded_channel();
        for _ in 0..3 {
            sender.send(Queued::Command(Command::Reset(tokio::sync::oneshot::channel().0))).unwrap();
        }
        let mut gather = Gather::new(Duration::ZERO);
        for left in [2, 1, 0] {
            let first = queue.recv().await.unwrap();
            assert!(gather.group(first, &mut queue).await.into_parts().1.is_some());
            assert_eq!(queue.len(), left);
        }
    }

    #[test]
    fn a_wait_grows_while_it_pays_and_goes_away_when_it_does_not() {
        let mut gather = Gather::new(Duration::from_millis(20));
        gather.learn(1, 1);
        assert_eq!(gather.wait, Duration::ZERO);
        for _ in 0..10 {
            gather.learn(2, 5);
        }
        assert_eq!(gather.wait, Duration::from_millis(20));
        for _ in 0..10 {
            gather.learn(1, 1);
        }
        assert_eq!(gather.wait, Duration::ZERO);
        let mut never = Gather::new(Duration::ZERO);
        never.learn(3, 3);
        assert_eq!(never.wait, Duration::ZERO);
    }
}
