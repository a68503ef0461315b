//! A queue as one makes it of JetStream by hand: a stream from which an ack takes the event away, and one durable consumer,
//! which is pulled. Contenders that are made on JetStream have the same.

use std::time::Duration;

use async_nats::jetstream;
use async_nats::jetstream::consumer::{PullConsumer, pull};
use async_nats::jetstream::stream::{self, RetentionPolicy, StorageType, Stream};
use async_nats::{Client, HeaderMap, Request};

use crate::place::Place;

/// An ack that is not there by then would bring the event back: no turn takes so long.
pub const ACK_WAIT: Duration = Duration::from_secs(300);

/// The stream.
pub struct JetStream {
    /// Where events are sent to; the stream has this name as well.
    pub subject: String,
    client: Client,
    stream: Stream,
}

impl JetStream {
    /// Makes it.
    pub fn make(place: &Place, name: &str) -> Self {
        let client = place.connect();
        let settings = stream::Config {
            name: name.to_owned(),
            subjects: vec![name.to_owned()],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            // For filling it, which is not timed.
            allow_atomic_publish: true,
            ..Default::default()
        };
        let context = jetstream::new(client.clone());
        let stream = place.runtime.block_on(context.create_stream(settings));
        Self {
            subject: name.to_owned(),
            client,
            stream: stream.expect("the server makes it"),
        }
    }

    /// The durable consumer of its name, pulled through this connection.
    pub async fn consumer(&self, through: &Client) -> PullConsumer {
        let context = jetstream::new(through.clone());
        let made = context.create_consumer_on_stream(
            pull::Config {
                durable_name: Some(self.subject.clone()),
                ack_wait: ACK_WAIT,
                ..Default::default()
            },
            self.subject.clone(),
        );
        made.await.expect("the server makes it")
    }

    /// Puts all of them in, or none: in one batch, so that nobody waits for a flush of each.
    pub async fn fill(&self, events: Vec<Vec<u8>>) {
        let count = events.len();
        // It names nothing else.
        let batch = self.client.new_inbox();
        for (index, event) in events.into_iter().enumerate() {
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Batch-Id", batch.as_str());
            headers.insert("Nats-Batch-Sequence", (index + 1).to_string());
            if index + 1 == count {
                headers.insert("Nats-Batch-Commit", "1");
                let request = Request::new().headers(headers).payload(event.into());
                let done = self
                    .client
                    .send_request(self.subject.clone(), request)
                    .await;
                let done = done.expect("the server confirms it");
                let said = String::from_utf8_lossy(&done.payload).into_owned();
                assert!(!said.contains("error"), "{said}");
            } else {
                let sent =
                    self.client
                        .publish_with_headers(self.subject.clone(), headers, event.into());
                sent.await.expect("it is connected");
            }
        }
    }

    /// How many events are there, those in hand included.
    pub async fn count(&self) -> u64 {
        let info = self.stream.get_info().await;
        info.expect("it is there").state.messages
    }

    /// Takes all events out.
    pub async fn clear(&self) {
        self.stream.purge().await.expect("the server does it");
    }
}
