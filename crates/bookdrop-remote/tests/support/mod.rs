//! A keeper and guests in one process, over ways that lose, repeat and hold packets by a plan.

#![allow(dead_code, reason = "each test uses some of it")]

pub(crate) mod both;
pub(crate) mod kept;
mod ways;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::Instant;

use bookdrop_remote::{Guest, GuestId, Host, Remote, Terms, guest};

pub(crate) use kept::Kept;
pub(crate) use ways::{Plan, Way};

/// Where the keeper listens, and each guest.
#[derive(Default)]
pub(crate) struct Hub {
    to_keeper: Mutex<Option<(u64, Arc<Way>)>>,
    to_guests: Mutex<HashMap<GuestId, Arc<Way>>>,
    news: Mutex<HashMap<GuestId, Vec<News>>>,
    plan: Plan,
}

/// What a guest is told of the keeper, or of its connection.
#[derive(Clone, Copy)]
pub(crate) enum News {
    Gone,
    Keeper(u64),
    Again,
}

/// Wakes a thread that drives something.
struct Bell(Thread);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn waker() -> Waker {
    Waker::from(Arc::new(Bell(thread::current())))
}

/// Waits until this time, or until it is woken.
fn rest(until: Option<Instant>) {
    match until {
        Some(until) => thread::park_timeout(until.saturating_duration_since(Instant::now())),
        None => thread::park(),
    }
}

impl Hub {
    pub(crate) fn new(plan: Plan) -> Arc<Self> {
        Arc::new(Hub {
            plan,
            ..Hub::default()
        })
    }

    /// All guests are told.
    pub(crate) fn tell(&self, news: News) {
        let mut told = self.news.lock().expect("no panic");
        for (guest, way) in &*self.to_guests.lock().expect("no panic") {
            told.entry(*guest).or_default().push(news);
            way.ring();
        }
    }

    /// What this guest and the keeper say to each other does not get through.
    pub(crate) fn cut(&self, guest: GuestId, is_cut: bool) {
        if let Some(way) = self.to_guests.lock().expect("no panic").get(&guest) {
            way.cut(is_cut);
        }
    }

    /// What the keeper says to this guest does not get through.
    pub(crate) fn cut_from_keeper(&self, guest: GuestId, is_cut: bool) {
        if let Some(way) = self.to_guests.lock().expect("no panic").get(&guest) {
            way.stop(is_cut);
        }
    }

    fn way_to(&self, guest: GuestId) -> Option<Arc<Way>> {
        self.to_guests
            .lock()
            .expect("no panic")
            .get(&guest)
            .cloned()
    }

    /// A guest, driven by a thread of its own until its backend is dropped.
    pub(crate) fn guest(self: &Arc<Self>, terms: Terms) -> (GuestId, Remote) {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_le_bytes());
        let id = GuestId(id);
        let (remote, driven) = guest(id, terms, Instant::now());
        let hub = self.clone();
        let way = Arc::new(Way::new(self.plan, number));
        self.to_guests
            .lock()
            .expect("no panic")
            .insert(id, way.clone());
        if let Some((epoch, _)) = *self.to_keeper.lock().expect("no panic") {
            let mut news = self.news.lock().expect("no panic");
            news.insert(id, vec![News::Keeper(epoch)]);
        }
        thread::spawn(move || hub.drive_guest(id, driven, &way));
        (id, remote)
    }

    fn drive_guest(&self, id: GuestId, mut guest: Guest, way: &Way) {
        way.is_of_this_thread();
        let waker = waker();
        loop {
            let now = Instant::now();
            let news = self.news.lock().expect("no panic").remove(&id);
            for news in news.unwrap_or_default() {
                match news {
                    News::Gone => guest.keeper_is_gone(),
                    News::Keeper(epoch) => guest.new_keeper(epoch, now),
                    News::Again => guest.connected_again(),
                }
            }
            let next = way.arrived(now, |packet| {
                guest.receive(packet, now).expect("it is a packet");
            });
            let turn = guest.turn(&Context::from_waker(&waker), now);
            let keeper = self.to_keeper.lock().expect("no panic").clone();
            if let Some((_, keeper)) = keeper.filter(|_| !way.is_cut()) {
                turn.packets
                    .into_iter()
                    .for_each(|packet| keeper.send(packet));
            }
            if turn.has_ended {
                break;
            }
            rest(turn.wakes_at.into_iter().chain(next).min());
        }
        self.to_guests.lock().expect("no panic").remove(&id);
    }
}

/// A keeper, on a thread of its own.
pub(crate) struct Keeper {
    hub: Arc<Hub>,
    way: Arc<Way>,
    ends: Arc<AtomicBool>,
    guests: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Begins to keep the queue. Guests are told.
    pub(crate) fn start(hub: &Arc<Hub>, kept: Arc<Kept>, epoch: u64, terms: Terms) -> Self {
        let way = Arc::new(Way::new(hub.plan, epoch << 32));
        let ends = Arc::new(AtomicBool::new(false));
        let guests = Arc::new(AtomicU64::new(0));
        let host = Host::new(kept, epoch, terms);
        let thread = {
            let (hub, way, ends, guests) = (hub.clone(), way.clone(), ends.clone(), guests.clone());
            thread::spawn(move || drive_host(host, &hub, &way, &ends, &guests))
        };
        *hub.to_keeper.lock().expect("no panic") = Some((epoch, way.clone()));
        hub.tell(News::Keeper(epoch));
        Keeper {
            hub: hub.clone(),
            way,
            ends,
            guests,
            thread: Some(thread),
        }
    }

    /// How many guests it had at its last turn.
    pub(crate) fn guests(&self) -> u64 {
        self.guests.load(Ordering::SeqCst)
    }

    /// Ends without a farewell, and whatever it was about to say is lost. Guests are told.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let mut to_keeper = self.hub.to_keeper.lock().expect("no panic");
        if to_keeper
            .as_ref()
            .is_some_and(|(_, way)| Arc::ptr_eq(way, &self.way))
        {
            *to_keeper = None;
        }
        drop(to_keeper);
        self.ends.store(true, Ordering::SeqCst);
        self.way.ring();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the keeper ends well");
            self.hub.tell(News::Gone);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

fn drive_host(mut host: Host<Kept>, hub: &Hub, way: &Way, ends: &AtomicBool, guests: &AtomicU64) {
    way.is_of_this_thread();
    let waker = waker();
    while !ends.load(Ordering::SeqCst) {
        let now = Instant::now();
        let next = way.arrived(now, |packet| {
            host.receive(packet, now).expect("it is a packet");
        });
        let turn = host.turn(&Context::from_waker(&waker), now);
        for (guest, packet) in turn.packets {
            if let Some(way) = hub.way_to(guest).filter(|way| !way.is_cut()) {
                way.send(packet);
            }
        }
        guests.store(host.guests() as u64, Ordering::SeqCst);
        rest(turn.wakes_at.into_iter().chain(next).min());
    }
}
