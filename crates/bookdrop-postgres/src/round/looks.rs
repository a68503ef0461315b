//! What is only looked at.

use std::time::Duration;

use bookdrop_backend::{Dead, Letters, Stats};
use tokio_postgres::Row;

use super::Player;
use crate::commands::Look;
use crate::error::Trouble;
use crate::sql;

/// What was seen.
pub(crate) enum Seen {
    Stats(Option<(Stats, u64)>),
    Groups(Vec<String>),
    Dead(Vec<Dead>),
}

impl Player<'_> {
    pub(super) async fn look(&self, look: &Look) -> Result<Seen, Trouble> {
        match look {
            Look::Stats(group, _) => self.stats(group.as_deref()).await,
            Look::Groups(_) => {
                let statement = "SELECT name FROM bookdrop.consumer_group WHERE queue = $1 AND joined_at IS NOT NULL ORDER BY joined_at, id";
                let rows = self.database.rarely(statement, &[&self.queue()]).await?;
                Ok(Seen::Groups(rows.iter().map(|row| row.get(0)).collect()))
            }
            Look::Dead(group, which, _) => self.dead(group, which).await,
        }
    }

    async fn stats(&self, group: Option<&str>) -> Result<Seen, Trouble> {
        let statement = "SELECT * FROM bookdrop.stats($1, $2)";
        let rows = self
            .database
            .rarely(statement, &[&self.queue(), &group])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(Seen::Stats(None));
        };
        let number = |column| sql::count(row, column) as usize;
        let mut stats = Stats::default();
        stats.queued = number(0);
        stats.delayed = number(1);
        stats.in_hand = number(2);
        stats.dead = number(3);
        stats.consumers = number(4);
        Ok(Seen::Stats(Some((stats, sql::count(row, 5)))))
    }

    async fn dead(&self, group: &str, which: &Letters) -> Result<Seen, Trouble> {
        let statement = "SELECT l.priority, l.event_id, l.is_id_given, l.key, l.delay, l.time_to_live, l.content,
                l.id, l.deliveries, l.reason, l.explanation, (extract(epoch FROM l.died_at) * 1e6)::bigint
            FROM bookdrop.dead_letter l JOIN bookdrop.consumer_group g ON g.id = l.consumer_group
            WHERE g.queue = $1 AND g.name = $2 AND ($3::bigint[] IS NULL OR l.id = ANY ($3)) ORDER BY l.id";
        let rows = self
            .database
            .rarely(statement, &[&self.queue(), &group, &sql::listed(which)])
            .await?;
        Ok(Seen::Dead(rows.iter().filter_map(dead).collect()))
    }
}

fn dead(row: &Row) -> Option<Dead> {
    let since_epoch = Duration::from_micros(sql::count(row, 11));
    Some(Dead {
        id: sql::count(row, 7),
        record: sql::record(row, 0),
        attempts: row.get::<_, i32>(8) as u32,
        reason: sql::reason_of(row.get(9), row.get(10))?,
        at: std::time::UNIX_EPOCH + since_epoch,
    })
}
