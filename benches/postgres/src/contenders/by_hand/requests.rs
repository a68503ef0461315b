//! Who waits for a request, and who for an answer: one connection listens for all of them.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio_postgres::{AsyncMessage, Client, NoTls};

use super::statements::Tables;

/// No request takes so long.
const DEADLINE: Duration = Duration::from_secs(60);

/// What is heard of requests and answers.
pub(crate) struct Correspondence {
    /// It listens for as long as it is there.
    _listener: Client,
    next: AtomicI64,
    heard: Arc<Heard>,
}

struct Heard {
    /// Has a permit for each request that nobody has looked for.
    requests: Semaphore,
    waiting: Mutex<HashMap<i64, oneshot::Sender<()>>>,
}

/// A request that is about to be sent.
pub(crate) struct Ask {
    /// Its number.
    pub number: i64,
    answer: oneshot::Receiver<()>,
}

impl Correspondence {
    /// Listens from now on.
    pub(crate) async fn begin(url: &str, tables: &Tables) -> Self {
        let heard = Arc::new(Heard {
            requests: Semaphore::new(0),
            waiting: Mutex::new(HashMap::new()),
        });
        let (asked, answered) = (tables.asked(), tables.answered());
        let connected = tokio_postgres::connect(url, NoTls).await;
        let (listener, mut connection) = connected.expect("the server takes connections");
        tokio::spawn({
            let (heard, asked) = (heard.clone(), asked.clone());
            async move {
                while let Some(Ok(message)) = poll_fn(|task| connection.poll_message(task)).await {
                    if let AsyncMessage::Notification(told) = message {
                        heard.hear(told.channel() == asked, told.payload());
                    }
                }
            }
        });
        let listens = format!("LISTEN {asked}; LISTEN {answered}");
        let listens = listener.batch_execute(&listens).await;
        listens.expect("the server does it");
        Self {
            _listener: listener,
            next: AtomicI64::new(0),
            heard,
        }
    }

    /// A number for a request, whose answer is listened for from now on.
    pub(crate) fn expect_answer(&self) -> Ask {
        let number = self.next.fetch_add(1, Relaxed);
        let (tell, answer) = oneshot::channel();
        self.heard.lock().insert(number, tell);
        Ask { number, answer }
    }

    /// Waits for a request that nobody has looked for.
    pub(crate) async fn asked(&self) {
        let permit = self.heard.requests.acquire().await;
        permit.expect("it is never closed").forget();
    }
}

impl Heard {
    fn hear(&self, is_request: bool, number: &str) {
        if is_request {
            self.requests.add_permits(1);
            return;
        }
        let number = number.parse().expect("it was a number");
        // The requester may be gone.
        if let Some(waiting) = self.lock().remove(&number) {
            let _ = waiting.send(());
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, oneshot::Sender<()>>> {
        self.waiting.lock().expect("nobody panics with it")
    }
}

impl Ask {
    /// Waits until it is answered.
    pub(crate) async fn answered(self) {
        let answered = tokio::time::timeout(DEADLINE, self.answer).await;
        answered
            .expect("it is answered in time")
            .expect("the listener is there");
    }
}
