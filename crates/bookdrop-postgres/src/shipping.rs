//! One trip of what is sent: events, and requests.

use std::rc::Rc;
use std::time::Instant;

use bookdrop_backend::Record;

use crate::commands::{Parcel, Question};
use crate::error::Trouble;
use crate::link::Session;
use crate::sql::{Asked, Bounds, Columns, Database, Published};

/// What somebody sends.
pub(crate) enum Goods {
    Parcel(Parcel),
    Question(Question),
}

/// As much of it as goes on one trip.
pub(crate) struct Shipment {
    /// Where its goods stood in line.
    pub(crate) place: u64,
    pub(crate) goods: Goods,
    /// So many records of it.
    pub(crate) count: usize,
    /// Whether it is only asked whether it was sent before.
    pub(crate) is_probe: bool,
}

impl Shipment {
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.goods.records().take(self.count)
    }
}

impl Goods {
    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        let (records, record) = match self {
            Goods::Parcel(parcel) => (Some(&parcel.records), None),
            Goods::Question(question) => (None, Some(&question.record)),
        };
        records.into_iter().flatten().chain(record)
    }
}

/// Sends it, and says what became of each record.
pub(crate) async fn ship(
    database: Rc<Database>,
    session: Session,
    bounds: Bounds,
    shipments: Vec<Shipment>,
) -> (Vec<Shipment>, Result<Published, Trouble>) {
    let mut columns = Columns::default();
    let now = Instant::now();
    for shipment in &shipments {
        for record in shipment.records() {
            match &shipment.goods {
                Goods::Parcel(_) => columns.push_event(record, shipment.is_probe),
                // What is left of its time: it goes on by the server's clock.
                Goods::Question(question) => {
                    let asked = Asked {
                        ask: question.ask,
                        time_left: question.deadline.saturating_duration_since(now),
                        is_patient: question.waits_for_consumer,
                    };
                    columns.push_request(record, asked);
                }
            }
        }
    }
    let published = database.publish(session, &columns, &bounds).await;
    drop(columns);
    (shipments, published)
}
