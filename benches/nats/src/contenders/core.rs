//! Requests as core NATS has them: nothing is kept, neither by the server nor by anybody else. Whoever answers is a member of
//! one queue group, on a connection of its own.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Subscriber};
use bookdrop_bench_common::at_server::load::{Load, Work, Worker, on_tasks};
use bookdrop_bench_common::at_server::queue::Queue;
use bookdrop_bench_common::event::number_of;
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

use crate::place::Place;

/// Requests to a subject of this name.
pub(crate) fn open(place: &Place, name: &str, work: Work, tasks: usize) -> Box<dyn Queue> {
    let [asks, answers] = [(); 2].map(|()| place.connect());
    let subscribed = async {
        let subject = name.to_owned();
        let arriving = answers.queue_subscribe(subject.clone(), subject).await;
        answers.flush().await.expect("it is connected");
        arriving.expect("it is connected")
    };
    let arriving = Arc::new(Mutex::new(place.runtime.block_on(subscribed)));
    let hand = |client: &Client| Hand {
        subject: name.to_owned(),
        client: client.clone(),
        arriving: arriving.clone(),
    };
    Box::new(Core {
        runtime: place.runtime.handle().clone(),
        workers: work.workers(tasks, || hand(&asks), || hand(&answers)),
    })
}

struct Core {
    runtime: Handle,
    workers: Vec<Hand>,
}

impl Queue for Core {
    fn fill(&mut self, _events: Vec<Vec<u8>>) {
        unreachable!("it takes part in requests alone")
    }

    fn carry(&mut self, load: &Load) -> Duration {
        on_tasks(&self.runtime, &mut self.workers, load)
    }

    /// Nobody keeps any.
    fn count(&mut self) -> u64 {
        0
    }

    fn clear(&mut self) {}
}

/// Who asks or answers.
struct Hand {
    subject: String,
    client: Client,
    arriving: Arc<Mutex<Subscriber>>,
}

impl Worker for Hand {
    async fn send(&mut self, _event: Vec<u8>) {
        unreachable!("it takes part in requests alone")
    }

    async fn receive(&mut self) -> u64 {
        unreachable!("it takes part in requests alone")
    }

    async fn ack(&mut self) {
        unreachable!("it takes part in requests alone")
    }

    async fn request(&mut self, event: Vec<u8>) -> u64 {
        let answer = self
            .client
            .request(self.subject.clone(), event.into())
            .await;
        number_of(&answer.expect("it is answered").payload)
    }

    async fn answer(&mut self) -> u64 {
        let request = self.arriving.lock().await.next().await;
        let request = request.expect("it goes on");
        let number = number_of(&request.payload);
        let to = request.reply.expect("it is a request");
        let answer = number.to_le_bytes().to_vec();
        let said = self.client.publish(to, answer.into()).await;
        said.expect("it is connected");
        number
    }
}
