//! The driver's thread at work: it is a guest of whoever is the keeper, and the keeper where there is no other one.

use std::future::{Future, pending};
use std::pin::Pin;
use std::task::Context;
use std::time::{Duration, Instant as Clock};

use async_nats::{Event, Message, StatusCode, Subscriber};
use bookdrop_backend::{Error, ErrorKind};
use bookdrop_remote::{Guest, Terms};
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::bell::Bell;
use crate::error::denied;
use crate::journal::{DriverId, Epoch, Journal};
use crate::keeper::{Keeper, News};
use crate::link::{Events, Link};
use crate::names::Names;
use crate::opening::gives_no_word;
use crate::options::Options;
use crate::seeking::{Sought, answers, seek};
use crate::warnings::{self, OtherVersions};

/// A keeper of which nothing was heard for so long, though something was said to it, is called.
const CALLS_AFTER: Duration = Duration::from_secs(1);
/// It is called after so long whatever was said.
const CALLS_EVERY: Duration = Duration::from_secs(5);
/// Where the queue could not be opened it is tried again after so long, first and at most: each try takes a message of the stream.
const TRIES_AGAIN_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];
/// Guest and keeper of one thread take so many turns before others have theirs.
const TURNS_AT_ONCE: usize = 16;
/// Ending takes no longer.
const LEAVES_WITHIN: Duration = Duration::from_secs(5);

/// What a driver has at the server.
pub(crate) struct Place {
    /// The servers, as they were written.
    pub(crate) hosts: String,
    pub(crate) link: Link,
    pub(crate) events: Events,
    pub(crate) names: Names,
    pub(crate) journal: Journal,
    pub(crate) me: DriverId,
    pub(crate) options: Options,
    pub(crate) terms: Terms,
}

/// A driver at work.
pub(crate) struct Work {
    place: Place,
    guest: Guest,
    ears: Subscriber,
    news: Subscriber,
    role: Role,
    /// Whether the connection was lost, and is not there again.
    was_cut_off: bool,
    /// How often the queue could not be opened, since there was a keeper.
    failures: u32,
    bell: Bell,
    other_versions: OtherVersions,
}

enum Role {
    Seeking(Pin<Box<dyn Future<Output = Result<Sought, Error>>>>),
    Guest {
        keeper: Epoch,
        heard_at: Instant,
        /// Whether something was said since.
        has_said: bool,
        /// Whether it is there still.
        calling: Option<Pin<Box<dyn Future<Output = bool>>>>,
    },
    Keeper(Box<Keeper>),
}

/// What happened.
enum Happened {
    Sought(Result<Sought, Error>),
    /// The keeper answers, or is gone.
    Called(bool),
    CallDue,
    Kept(News),
    Said(Option<Message>),
    /// Another keeper begins, or the keeper leaves.
    Told(Option<Message>),
    Link(Option<Event>),
    Nothing,
}

impl Work {
    /// Looks for the keeper, or becomes it. Ends when it is known which, and the queue is open.
    ///
    /// # Errors
    /// Whatever the server says, or the queue itself.
    pub(crate) async fn begin(place: Place, guest: Guest) -> Result<Self, Error> {
        let Place { link, names, .. } = &place;
        let ears = link.hear(names.guest(place.me)).await?;
        let news = link.hear(names.news()).await?;
        let patience = place.options.patience;
        let mut work = Work {
            role: Role::Seeking(seeking(&place, None)),
            place,
            guest,
            ears,
            news,
            was_cut_off: false,
            failures: 0,
            bell: Bell::default(),
            other_versions: OtherVersions::default(),
        };
        match work.begins(patience).await {
            Ok(()) => Ok(work),
            Err(error) => {
                if let Role::Keeper(keeper) = work.role {
                    // What it has opened waits for this thread, which ends as well.
                    let _ = timeout(LEAVES_WITHIN, keeper.end()).await;
                }
                Err(error)
            }
        }
    }

    /// Ends when it is known who the keeper is, and the queue is open.
    async fn begins(&mut self, patience: Duration) -> Result<(), Error> {
        loop {
            let happened = match self.role {
                Role::Seeking(_) => timeout(patience, self.happens(None)).await,
                // Reading what is there takes as long as it takes.
                _ => Ok(self.happens(None).await),
            };
            let Ok(happened) = happened else {
                return Err(gives_no_word(patience));
            };
            if let Happened::Link(Some(event)) = &happened
                && let Some(error) = denied(event)
            {
                return Err(error);
            }
            if let Some(error) = self.take(happened).await {
                return Err(error);
            }
            match &self.role {
                Role::Guest { .. } => return Ok(()),
                Role::Keeper(keeper) if keeper.is_open() => return Ok(()),
                _ => {}
            }
        }
    }

    /// Works until nobody has the driver any more.
    pub(crate) async fn run(mut self) {
        loop {
            let (wakes_at, has_ended) = self.turn();
            if has_ended {
                break;
            }
            // Whoever is rung all the time would leave nothing to those who talk to the server.
            tokio::task::yield_now().await;
            let happened = self.happens(wakes_at).await;
            if let Some(error) = self.take(happened).await {
                // That the server cannot be reached says more than what came of it.
                if !self.was_cut_off {
                    self.guest.there_is_none(error);
                }
                self.seek_after(pause_after(self.failures));
                self.failures = self.failures.saturating_add(1);
            }
        }
        let Place {
            link, names, me, ..
        } = &self.place;
        if let Role::Keeper(keeper) = self.role {
            keeper.leave(LEAVES_WITHIN).await;
            link.say(names.news(), names.guest(*me), Bytes::new());
        }
        link.flush().await;
    }

    /// Has what is to be said be said. Returns when there will be more, and whether all is done.
    fn turn(&mut self) -> (Option<Clock>, bool) {
        let waker = self.bell.waker();
        let cx = Context::from_waker(&waker);
        let (mut wakes_at, mut has_ended) = (None, false);
        for _ in 0..TURNS_AT_ONCE {
            let now = Clock::now();
            let turn = self.guest.turn(&cx, now);
            (wakes_at, has_ended) = (turn.wakes_at, turn.has_ended);
            let has_said = !turn.packets.is_empty();
            for packet in turn.packets {
                self.say(packet, now);
            }
            let Role::Keeper(keeper) = &mut self.role else {
                return (wakes_at, has_ended);
            };
            let Some(turn) = keeper.turn(&cx, now) else {
                return (wakes_at, has_ended);
            };
            wakes_at = [wakes_at, turn.wakes_at].into_iter().flatten().min();
            let mut has_heard = false;
            for (guest, packet) in turn.packets {
                if guest.0 == self.place.me.0 {
                    has_heard = true;
                    // It comes from this very process.
                    let _ = self.guest.receive(packet, now);
                } else {
                    keeper.say(guest, packet);
                }
            }
            if !has_heard && !has_said {
                return (wakes_at, has_ended);
            }
        }
        // There is more to do, when others had their turn.
        waker.wake();
        (wakes_at, has_ended)
    }

    /// Says something to the keeper, which is of this time.
    fn say(&mut self, packet: Bytes, now: Clock) {
        let Place {
            link, names, me, ..
        } = &self.place;
        match &mut self.role {
            Role::Seeking(_) => {}
            Role::Guest {
                keeper, has_said, ..
            } => {
                *has_said = true;
                link.say(names.keeper(*keeper), names.guest(*me), packet);
            }
            // It comes from this very process.
            Role::Keeper(keeper) => drop(keeper.receive(packet, now)),
        }
    }

    async fn happens(&mut self, wakes_at: Option<Clock>) -> Happened {
        tokio::select! {
            happened = happens(&mut self.role, &self.place.terms) => happened,
            said = self.ears.next() => Happened::Said(said),
            news = self.news.next() => Happened::Told(news),
            event = self.place.events.recv() => Happened::Link(event),
            () = self.bell.rung() => Happened::Nothing,
            () = until(wakes_at) => Happened::Nothing,
        }
    }

    /// Does what follows from it. Returns why there is no way on for now.
    async fn take(&mut self, happened: Happened) -> Option<Error> {
        match happened {
            Happened::Sought(Ok(Sought::Keeper(keeper))) => self.visit(keeper),
            Happened::Sought(Ok(Sought::Mine(mine))) => {
                let Place {
                    link,
                    names,
                    journal,
                    options,
                    ..
                } = &self.place;
                match Keeper::new((link, names), journal, *mine, options).await {
                    Ok(keeper) => {
                        let epoch = keeper.epoch().to_string();
                        link.say(names.news(), names.guest(self.place.me), epoch.into());
                        self.role = Role::Keeper(Box::new(keeper));
                        self.guest.there_is_none(is_reading());
                    }
                    Err(error) => return Some(error),
                }
            }
            Happened::Sought(Err(error)) => return Some(error),
            Happened::Called(true) => {
                if let Role::Guest {
                    heard_at, calling, ..
                } = &mut self.role
                {
                    (*heard_at, *calling) = (Instant::now(), None);
                }
            }
            Happened::Called(false) => {
                let gone = match self.role {
                    Role::Guest { keeper, .. } => Some(keeper),
                    _ => None,
                };
                match self.failures {
                    0 => self.seek(gone),
                    // It could not open the queue either.
                    failures => self.seek_after(pause_after(failures - 1)),
                }
            }
            Happened::CallDue => self.call(),
            Happened::Told(Some(news)) => self.hear_news(&news.payload),
            Happened::Kept(News::Opened) => {
                if let Role::Keeper(keeper) = &self.role {
                    self.failures = 0;
                    let epoch = keeper.epoch().sequence;
                    self.guest.new_keeper(epoch, Clock::now());
                }
            }
            Happened::Kept(News::Ended(ended)) => {
                let role = std::mem::replace(&mut self.role, Role::Seeking(Box::pin(pending())));
                if let Role::Keeper(keeper) = role {
                    let was_open = keeper.is_open();
                    keeper.give_up();
                    self.seek(None);
                    return (!was_open).then(|| ended.why.clone());
                }
            }
            Happened::Said(Some(said)) => self.hear(said),
            Happened::Link(Some(Event::Disconnected)) if !self.was_cut_off => {
                self.was_cut_off = true;
                self.lose();
            }
            // It is told of the first one, too.
            Happened::Link(Some(Event::Connected)) if self.was_cut_off => {
                self.was_cut_off = false;
                self.guest.connected_again();
                self.look_at_the_version();
                match &mut self.role {
                    Role::Keeper(keeper) => {
                        keeper.connected_again();
                        if !keeper.is_open() {
                            self.guest.there_is_none(is_reading());
                        }
                    }
                    Role::Guest { heard_at, .. } => *heard_at = Instant::now(),
                    Role::Seeking(_) => {}
                }
            }
            Happened::Kept(News::Something)
            | Happened::Said(None)
            | Happened::Told(None)
            | Happened::Link(_)
            | Happened::Nothing => {}
        }
        None
    }

    /// The client connects again by itself.
    fn lose(&mut self) {
        let hosts = &self.place.hosts;
        warnings::of_lost_connection(self.place.names.queue(), hosts);
        let message = format!("the connection to {hosts} is lost");
        self.guest.there_is_none(Error::new(ErrorKind::Io, message));
    }

    /// Another server may have taken the place of the one that was connected to first.
    fn look_at_the_version(&mut self) {
        if let Some(error) = self.place.link.too_old() {
            warnings::of_an_old_server(self.place.names.queue(), &error);
            // A keeper that is there says itself what is in the way.
            if let Role::Seeking(_) = self.role {
                self.guest.there_is_none(error);
            }
        }
    }

    fn hear(&mut self, said: Message) {
        if said.status == Some(StatusCode::NO_RESPONDERS) {
            return self.call();
        }
        if let Role::Guest {
            heard_at, has_said, ..
        } = &mut self.role
        {
            (*heard_at, *has_said) = (Instant::now(), false);
            // Its queue is open.
            self.failures = 0;
        }
        if let Err(error) = self.guest.receive(said.payload, Clock::now()) {
            self.other_versions.hear(self.place.names.queue(), &error);
        }
    }

    /// Somebody says that it is the keeper of an epoch, or else that it leaves.
    fn hear_news(&mut self, news: &Bytes) {
        let begins = std::str::from_utf8(news).ok();
        let begins = begins.and_then(|text| text.parse::<Epoch>().ok());
        match (begins, &mut self.role) {
            (None, _) => self.call(),
            (Some(epoch), Role::Guest { keeper, .. }) if epoch.sequence > keeper.sequence => {
                self.visit(epoch);
            }
            (Some(epoch), Role::Seeking(_)) if self.failures > 0 => self.visit(epoch),
            // It finds that out by itself, and is believed then.
            (Some(epoch), Role::Keeper(keeper)) if epoch != keeper.epoch() => {
                keeper.connected_again();
            }
            _ => {}
        }
    }

    /// This is the keeper from now on.
    fn visit(&mut self, keeper: Epoch) {
        self.role = Role::Guest {
            keeper,
            heard_at: Instant::now(),
            has_said: false,
            calling: None,
        };
        self.guest.new_keeper(keeper.sequence, Clock::now());
    }

    /// Calls whether the keeper is there still.
    fn call(&mut self) {
        let Place { link, names, .. } = &self.place;
        if let Role::Guest {
            keeper, calling, ..
        } = &mut self.role
            && calling.is_none()
        {
            let (link, names, keeper) = (link.clone(), names.clone(), *keeper);
            *calling = Some(Box::pin(
                async move { answers(&link, &names, keeper).await },
            ));
        }
    }

    /// There is no keeper any more, as far as is known.
    fn seek(&mut self, gone: Option<Epoch>) {
        self.guest.keeper_is_gone();
        self.role = Role::Seeking(seeking(&self.place, gone));
    }

    fn seek_after(&mut self, pause: Duration) {
        self.guest.keeper_is_gone();
        let seeking = seeking(&self.place, None);
        self.role = Role::Seeking(Box::pin(async move {
            sleep(pause).await;
            seeking.await
        }));
    }
}

/// This driver keeps the queue from now on, and does nothing else for anybody before it knows what is in it.
fn is_reading() -> Error {
    let message =
        "the queue is being read from the server, which takes the longer the more is in it";
    Error::new(ErrorKind::Io, message)
}

/// Doubling, so that what cannot be opened for good fills no stream.
fn pause_after(failures: u32) -> Duration {
    let [first, longest] = TRIES_AGAIN_AFTER;
    first
        .saturating_mul(2u32.saturating_pow(failures))
        .min(longest)
}

fn seeking(
    place: &Place,
    gone: Option<Epoch>,
) -> Pin<Box<dyn Future<Output = Result<Sought, Error>>>> {
    let Place {
        link,
        names,
        journal,
        me,
        ..
    } = place;
    let (link, names, journal, me) = (link.clone(), names.clone(), journal.clone(), *me);
    Box::pin(async move { seek(&link, &names, &journal, me, gone).await })
}

async fn happens(role: &mut Role, terms: &Terms) -> Happened {
    match role {
        Role::Seeking(seeking) => Happened::Sought(seeking.await),
        Role::Keeper(keeper) => Happened::Kept(keeper.news(terms).await),
        Role::Guest {
            calling: Some(calling),
            ..
        } => Happened::Called(calling.await),
        Role::Guest {
            heard_at, has_said, ..
        } => {
            let wait = match has_said {
                true => CALLS_AFTER,
                false => CALLS_EVERY,
            };
            sleep_until(*heard_at + wait).await;
            Happened::CallDue
        }
    }
}

async fn until(at: Option<Clock>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_opened_is_tried_more_and_more_seldom() {
        let pauses = [0, 1, 2, 100].map(|failures| pause_after(failures).as_secs());
        assert_eq!(pauses, [1, 2, 4, 30]);
    }
}
