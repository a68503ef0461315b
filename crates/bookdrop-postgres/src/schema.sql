-- Version 1 of the tables of bookdrop, and of the functions that its drivers call.
--
-- What is called all the time is in PL/pgSQL, which plans a statement once for a session: a function in SQL is planned at each call.
--
-- A queue has groups, and each group has a row of its own for every event that it has not done with. Several rows are locked in one
-- order by everybody: that of the queue, then groups, then events. The row of a driver is locked last by who tells it something, and
-- after the groups by who has it leave; where an answer meets the end of its requester, the server ends one of them, and that is tried
-- again. A statement sees what was there when it began: so one that waits for a lock reads nothing else, and what the lock is for is read
-- by the next one. Times are those of the server's clock.

CREATE SCHEMA bookdrop;
COMMENT ON SCHEMA bookdrop IS 'Queues of the Rust library bookdrop. Look as you like; change nothing here by hand.';

CREATE TABLE bookdrop.version (version integer NOT NULL);
INSERT INTO bookdrop.version VALUES (1);

CREATE TABLE bookdrop.queue (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    codec text NOT NULL,
    sent bigint NOT NULL DEFAULT 0,
    sent_delayed bigint NOT NULL DEFAULT 0,
    max_outbox bigint NOT NULL DEFAULT 100000,
    is_outbox_full boolean NOT NULL DEFAULT false,
    outbox_seen_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);
COMMENT ON COLUMN bookdrop.queue.codec IS 'What the contents of its events are written in.';
COMMENT ON COLUMN bookdrop.queue.sent IS
    'Events that were ever sent without a delay. Whoever sends locks this row until that is committed, so the order of events is that of commits.';
COMMENT ON COLUMN bookdrop.queue.max_outbox IS 'As the driver that relayed last has it.';
COMMENT ON COLUMN bookdrop.queue.is_outbox_full IS 'Whether so many events were in the outbox when a driver looked.';

CREATE TABLE bookdrop.consumer_group (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue integer NOT NULL REFERENCES bookdrop.queue ON DELETE CASCADE,
    name text NOT NULL,
    joined_at timestamptz,
    is_addressed boolean NOT NULL,
    queued_left bigint NOT NULL,
    delayed_left bigint NOT NULL,
    UNIQUE (queue, name)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01);
COMMENT ON COLUMN bookdrop.consumer_group.joined_at IS 'When its first consumer came.';
COMMENT ON COLUMN bookdrop.consumer_group.is_addressed IS
    'Whether it gets what is sent: every group that somebody joined, and until there is one the group "default".';
COMMENT ON COLUMN bookdrop.consumer_group.queued_left IS
    'What was sent to the queue, less what is queued in this group: it grows when something leaves. Of a group that is not addressed, the negative of what is queued.';

CREATE TABLE bookdrop.driver (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue integer NOT NULL REFERENCES bookdrop.queue ON DELETE CASCADE,
    application text NOT NULL DEFAULT current_setting('application_name'),
    opened_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    alive_until timestamptz NOT NULL,
    is_closed boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
COMMENT ON COLUMN bookdrop.driver.alive_until IS
    'The lease: a driver that has not prolonged it by then is taken for dead, and what it had in hand comes back.';

CREATE TABLE bookdrop.seat (
    driver bigint NOT NULL REFERENCES bookdrop.driver ON DELETE CASCADE,
    consumer_group integer NOT NULL REFERENCES bookdrop.consumer_group ON DELETE CASCADE,
    consumers integer NOT NULL,
    PRIMARY KEY (driver, consumer_group)
);

CREATE TYPE bookdrop.event_state AS ENUM ('ready', 'behind', 'delayed', 'retrying', 'in hand', 'owed');
COMMENT ON TYPE bookdrop.event_state IS
    'ready: can be handed over; behind: waits for another event of its key; delayed: sent with a delay; retrying: failed, and waits to be tried again; in hand: a consumer has it; owed: done with, but a requester waits for the answer.';

CREATE SEQUENCE bookdrop.event_place;

CREATE TABLE bookdrop.event (
    id bigint PRIMARY KEY,
    consumer_group integer NOT NULL,
    state bookdrop.event_state NOT NULL,
    priority smallint NOT NULL,
    place bigint NOT NULL,
    event_id text NOT NULL,
    is_id_given boolean NOT NULL,
    key text,
    delay bigint,
    time_to_live bigint,
    content bytea NOT NULL,
    deliveries integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    backs_off boolean NOT NULL DEFAULT false,
    wakes_at timestamptz,
    expires_at timestamptz,
    deadline timestamptz,
    holder bigint,
    asker bigint,
    ask bigint,
    waits_for_consumer boolean
) WITH (autovacuum_vacuum_scale_factor = 0.01);
COMMENT ON COLUMN bookdrop.event.consumer_group IS 'No foreign key, which would cost each event a lock.';
COMMENT ON COLUMN bookdrop.event.place IS 'Among those of one priority, the least is handed over first.';
COMMENT ON COLUMN bookdrop.event.delay IS 'In nanoseconds, as it was sent; so is the time to live.';
COMMENT ON COLUMN bookdrop.event.wakes_at IS 'When something happens to it that nobody does: it falls due, or it expires.';
COMMENT ON COLUMN bookdrop.event.backs_off IS 'Whether the wait of one that is retrying is the pause of the back-off, which a close ends.';
COMMENT ON COLUMN bookdrop.event.asker IS 'Of a request: the driver that waits for the answer; 0 once nobody does.';

CREATE INDEX event_ready ON bookdrop.event (consumer_group, priority DESC, place) WHERE state = 'ready';
CREATE INDEX event_wakes ON bookdrop.event (consumer_group, wakes_at, id) WHERE wakes_at IS NOT NULL;
CREATE INDEX event_holder ON bookdrop.event (holder) WHERE holder IS NOT NULL;
CREATE INDEX event_asker ON bookdrop.event (asker, ask) WHERE asker IS NOT NULL;
CREATE INDEX event_retrying ON bookdrop.event (consumer_group) WHERE state = 'retrying';
-- Of a key, what is first, and what is next.
CREATE INDEX event_key_first ON bookdrop.event (consumer_group, key, state)
    WHERE key IS NOT NULL AND state IN ('ready', 'retrying', 'in hand');
CREATE INDEX event_key_next ON bookdrop.event (consumer_group, key, priority DESC, place)
    WHERE key IS NOT NULL AND state IN ('ready', 'behind');

CREATE TABLE bookdrop.dead_letter (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer_group integer NOT NULL REFERENCES bookdrop.consumer_group ON DELETE CASCADE,
    reason text NOT NULL CHECK (reason IN ('rejected', 'max attempts', 'max deliveries', 'undecodable')),
    explanation text NOT NULL,
    died_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    was_request boolean NOT NULL,
    deliveries integer NOT NULL,
    priority smallint NOT NULL,
    event_id text NOT NULL,
    is_id_given boolean NOT NULL,
    key text,
    delay bigint,
    time_to_live bigint,
    content bytea NOT NULL
);
CREATE INDEX dead_letter_of_group ON bookdrop.dead_letter (consumer_group, id);
-- What counts in the bound of dead letters.
CREATE INDEX dead_letter_counted ON bookdrop.dead_letter (consumer_group, id) WHERE reason <> 'undecodable' OR was_request;

CREATE TABLE bookdrop.remembered_id (
    queue integer NOT NULL REFERENCES bookdrop.queue ON DELETE CASCADE,
    event_id text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (queue, event_id)
);
COMMENT ON TABLE bookdrop.remembered_id IS 'Ids that users gave: another event with one of them is the same event.';
CREATE INDEX remembered_id_until ON bookdrop.remembered_id (queue, until, event_id);

CREATE TABLE bookdrop.outcome (
    asker bigint NOT NULL REFERENCES bookdrop.driver ON DELETE CASCADE,
    ask bigint NOT NULL,
    outcome text NOT NULL,
    was_taken boolean NOT NULL,
    explanation text NOT NULL,
    answer bytea,
    PRIMARY KEY (asker, ask)
);
COMMENT ON TABLE bookdrop.outcome IS 'How requests ended, until their driver has read it.';

-- To put an event into the queue within the transaction of a user would lock the row of the queue until that ends, and stop all senders. So
-- it waits here, and a driver relays it once it is committed.
CREATE TABLE bookdrop.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue integer NOT NULL,
    sent_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    priority smallint NOT NULL,
    event_id text NOT NULL,
    is_id_given boolean NOT NULL,
    key text,
    delay bigint,
    time_to_live bigint,
    content bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01);
COMMENT ON TABLE bookdrop.outbox IS 'Events that users sent within transactions of their own, until a driver of their queue relays them, by id.';
COMMENT ON COLUMN bookdrop.outbox.queue IS 'No foreign key, which would lock the row of the queue until the transaction ends.';
-- What has a delay waits for other room, and neither kind holds the other up.
CREATE INDEX outbox_next ON bookdrop.outbox (queue, id) WHERE delay IS NULL;
CREATE INDEX outbox_next_delayed ON bookdrop.outbox (queue, id) WHERE delay IS NOT NULL;

-- Opens a queue for a driver, and says who it is there.
CREATE FUNCTION bookdrop.open(of_name text, with_codec text, lease interval, OUT queue_id integer, OUT driver_id bigint, OUT its_codec text,
    OUT others bigint)
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bookdrop.queue AS q (name, codec) VALUES (of_name, with_codec) ON CONFLICT (name) DO NOTHING;
    SELECT id, codec INTO STRICT queue_id, its_codec FROM bookdrop.queue WHERE name = of_name FOR NO KEY UPDATE;
    SELECT count(*) INTO others FROM bookdrop.driver WHERE queue = queue_id;
    IF its_codec IS DISTINCT FROM with_codec THEN
        RETURN;
    END IF;
    PERFORM bookdrop.keep_for_the_first(queue_id);
    INSERT INTO bookdrop.driver (queue, alive_until) VALUES (queue_id, clock_timestamp() + lease) RETURNING id INTO driver_id;
    PERFORM bookdrop.wake(queue_id, driver_id, 'hello');
END $$;

-- The group of this name, which is made if it is not there.
CREATE FUNCTION bookdrop.make_group(of_queue integer, of_name text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    made integer;
BEGIN
    SELECT id INTO made FROM bookdrop.consumer_group WHERE queue = of_queue AND name = of_name;
    IF NOT FOUND THEN
        INSERT INTO bookdrop.consumer_group (queue, name, is_addressed, queued_left, delayed_left)
            VALUES (of_queue, of_name, false, 0, 0) RETURNING id INTO made;
    END IF;
    RETURN made;
END $$;

-- From now on a group gets what is sent, or does no more; what is queued there stays. The queue is locked.
CREATE FUNCTION bookdrop.address(of_group integer, addressed boolean) RETURNS void LANGUAGE sql AS $$
    UPDATE bookdrop.consumer_group c SET
        queued_left = c.queued_left + CASE WHEN addressed THEN q.sent ELSE -q.sent END,
        delayed_left = c.delayed_left + CASE WHEN addressed THEN q.sent_delayed ELSE -q.sent_delayed END,
        is_addressed = addressed
        FROM bookdrop.queue q WHERE c.id = of_group AND q.id = c.queue AND c.is_addressed <> addressed
$$;

-- Where nobody has joined any group, "default" keeps what is sent.
CREATE FUNCTION bookdrop.keep_for_the_first(of_queue integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    d integer := bookdrop.make_group(of_queue, 'default');
BEGIN
    IF NOT EXISTS (SELECT FROM bookdrop.consumer_group WHERE queue = of_queue AND joined_at IS NOT NULL) THEN
        PERFORM bookdrop.address(d, true);
    END IF;
END $$;

-- Prolongs the lease of a driver, if it has not ended: then others have what it had in hand. Says how many other drivers there are.
CREATE FUNCTION bookdrop.prolong(of_driver bigint, lease interval, OUT is_alive boolean, OUT others bigint) LANGUAGE plpgsql AS $$
DECLARE
    q integer;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE bookdrop.driver SET alive_until = clock_timestamp() + lease WHERE id = of_driver RETURNING queue INTO q;
    is_alive := FOUND;
    SELECT count(*) INTO others FROM bookdrop.driver WHERE queue = q AND id <> of_driver;
END $$;

-- Tells a requester how its request ended. False if nobody waits any more.
CREATE FUNCTION bookdrop.tell(of_asker bigint, of_ask bigint, how text, was_taken boolean, why text DEFAULT '', answer bytea DEFAULT NULL)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bookdrop.outcome SELECT of_asker, of_ask, how, was_taken, why, answer
        FROM bookdrop.driver WHERE id = of_asker FOR KEY SHARE
        ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('bookdrop_' || of_asker, 'outcome');
        RETURN true;
    END IF;
    RETURN false;
END $$;

-- Takes what was told to a driver.
CREATE FUNCTION bookdrop.told(of_driver bigint)
RETURNS TABLE (ask bigint, outcome text, was_taken boolean, explanation text, answer bytea) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY DELETE FROM bookdrop.outcome o WHERE o.asker = of_driver
        RETURNING o.ask, o.outcome, o.was_taken, o.explanation, o.answer;
END $$;

-- Of one key: what is first can be handed over, unless it is in hand or waits to be tried again, and the others wait behind it.
-- The group is locked by whoever calls this.
CREATE FUNCTION bookdrop.advance(of_group integer, of_key text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM bookdrop.event WHERE consumer_group = of_group AND key = of_key AND state IN ('in hand', 'retrying')) THEN
        SELECT id INTO first FROM bookdrop.event
            WHERE consumer_group = of_group AND key = of_key AND state IN ('ready', 'behind')
            ORDER BY priority DESC, place LIMIT 1;
    END IF;
    UPDATE bookdrop.event SET state = 'behind'
        WHERE consumer_group = of_group AND key = of_key AND state = 'ready' AND id IS DISTINCT FROM first;
    UPDATE bookdrop.event SET state = 'ready' WHERE id = first AND state = 'behind';
END $$;

-- Locks the groups that these events stand in, in order.
CREATE FUNCTION bookdrop.lock_groups_of(event_numbers bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    groups integer[];
BEGIN
    SELECT array_agg(DISTINCT e.consumer_group) INTO groups FROM unnest(event_numbers) n (id) JOIN bookdrop.event e ON e.id = n.id;
    PERFORM FROM bookdrop.consumer_group c WHERE c.id = ANY (groups) ORDER BY c.id FOR NO KEY UPDATE;
END $$;

CREATE FUNCTION bookdrop.lock_group(of_group integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM bookdrop.consumer_group WHERE id = of_group FOR NO KEY UPDATE;
END $$;

-- So many queued and delayed events left; fewer than none where some came.
CREATE FUNCTION bookdrop.book(of_group integer, queued bigint, delayed bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF queued <> 0 OR delayed <> 0 THEN
        UPDATE bookdrop.consumer_group SET queued_left = queued_left + queued, delayed_left = delayed_left + delayed WHERE id = of_group;
    END IF;
END $$;

-- How many events are queued and delayed in a group.
CREATE FUNCTION bookdrop.depth(of_group integer, OUT queued bigint, OUT delayed bigint) LANGUAGE plpgsql AS $$
BEGIN
    SELECT CASE WHEN c.is_addressed THEN q.sent ELSE 0 END - c.queued_left, CASE WHEN c.is_addressed THEN q.sent_delayed ELSE 0 END - c.delayed_left
        INTO queued, delayed FROM bookdrop.consumer_group c JOIN bookdrop.queue q ON q.id = c.queue WHERE c.id = of_group;
END $$;

-- A span of nanoseconds, no shorter than that.
CREATE FUNCTION bookdrop.span(nanoseconds bigint) RETURNS interval LANGUAGE sql IMMUTABLE AS $$
    SELECT make_interval(secs => ceil(nanoseconds / 1e3)::double precision / 1e6)
$$;

-- Does what is due in a group: what waited takes its place, and what expired goes. Says how many expired.
CREATE FUNCTION bookdrop.tidy(of_group integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
    expired bigint := 0;
    e record;
BEGIN
    PERFORM bookdrop.lock_group(of_group);
    FOR e IN SELECT id, state, key, asker, ask, deliveries, expires_at, deadline FROM bookdrop.event
        WHERE consumer_group = of_group AND wakes_at <= now ORDER BY wakes_at, id LIMIT 1000 FOR UPDATE SKIP LOCKED
    LOOP
        IF e.expires_at <= now THEN
            DELETE FROM bookdrop.event WHERE id = e.id;
            PERFORM bookdrop.left_from(of_group, e.state);
            IF e.deadline IS NULL OR e.expires_at < e.deadline THEN
                expired := expired + 1;
            END IF;
            IF e.asker IS NOT NULL THEN
                PERFORM bookdrop.tell(e.asker, e.ask, 'deadline', e.deliveries > 0);
            END IF;
        ELSE
            UPDATE bookdrop.event SET
                state = CASE WHEN key IS NULL THEN 'ready' ELSE 'behind' END::bookdrop.event_state,
                place = CASE WHEN state = 'delayed' THEN nextval('bookdrop.event_place') ELSE place END,
                wakes_at = expires_at
                WHERE id = e.id;
            PERFORM bookdrop.book(of_group, -1, 1);
        END IF;
        IF e.key IS NOT NULL THEN
            PERFORM bookdrop.advance(of_group, e.key);
        END IF;
    END LOOP;
    RETURN expired;
END $$;

-- One event left the group from this state.
CREATE FUNCTION bookdrop.left_from(of_group integer, state bookdrop.event_state) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM bookdrop.book(of_group, (state IN ('ready', 'behind'))::integer, (state IN ('delayed', 'retrying'))::integer);
END $$;

-- Lets the oldest queued event of a group go, so that there is room for another.
CREATE FUNCTION bookdrop.drop_oldest(of_group integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    oldest bigint;
    e record;
BEGIN
    PERFORM bookdrop.lock_group(of_group);
    -- The oldest of each priority, and of those that wait behind another one of their key.
    SELECT o.id INTO oldest FROM (
        SELECT r.id, r.place FROM generate_series(0, 9) p (priority), LATERAL (
            SELECT v.id, v.place FROM bookdrop.event v WHERE v.consumer_group = of_group AND v.state = 'ready' AND v.priority = p.priority
                ORDER BY v.place LIMIT 1) r
        UNION ALL
        (SELECT b.id, b.place FROM bookdrop.event b WHERE b.consumer_group = of_group AND b.key IS NOT NULL AND b.state = 'behind'
            ORDER BY b.place LIMIT 1)) o
        ORDER BY o.place LIMIT 1;
    DELETE FROM bookdrop.event WHERE id = oldest RETURNING key, asker, ask, deliveries INTO e;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM bookdrop.book(of_group, 1, 0);
    IF e.asker IS NOT NULL THEN
        PERFORM bookdrop.tell(e.asker, e.ask, 'full', e.deliveries > 0);
    END IF;
    IF e.key IS NOT NULL THEN
        PERFORM bookdrop.advance(of_group, e.key);
    END IF;
    RETURN true;
END $$;

-- What is to be sent is checked one after the other: what became of each is its fate.
CREATE TYPE bookdrop.fate AS ENUM ('sent', 'duplicate', 'full', 'no consumer');

-- Sends events to all groups, and requests, which are those with an ask, to group "default", in order: so many events without a delay,
-- and so many with one. A probe is only compared, and not sent. Without a list of fates all of them were sent.
CREATE FUNCTION bookdrop.publish(
    of_queue integer, of_driver bigint, event_ids text[], are_given boolean[], keys text[], priorities smallint[], delays bigint[],
    times_to_live bigint[], contents bytea[], probes boolean[], asks bigint[], timeouts bigint[], patient boolean[],
    plain bigint, delayed bigint, have_keys boolean, have_ids boolean, capacity bigint, max_delayed bigint, id_window bigint,
    drops_oldest boolean, OUT fates text[], OUT dropped bigint, OUT expired bigint)
LANGUAGE plpgsql AS $$
DECLARE
    groups integer[];
    g integer;
    d integer;
    k text;
    most_queued bigint;
    most_delayed bigint;
    checked record;
    number bigint;
    now timestamptz;
    -- How long a request is wanted was said before: to wait for the queue takes of that.
    asked timestamptz := statement_timestamp();
BEGIN
    -- From here on nobody else sends, so that what was sent first also stands first.
    IF plain + delayed > 0 THEN
        UPDATE bookdrop.queue q SET sent = q.sent + plain, sent_delayed = q.sent_delayed + delayed WHERE q.id = of_queue
            RETURNING q.sent, q.sent_delayed INTO STRICT most_queued, most_delayed;
        SELECT array_agg(c.id ORDER BY c.id), max(most_queued - c.queued_left), max(most_delayed - c.delayed_left)
            INTO groups, most_queued, most_delayed FROM bookdrop.consumer_group c WHERE c.queue = of_queue AND c.is_addressed;
    ELSE
        -- After a crash nobody asks any more.
        PERFORM set_config('synchronous_commit', 'off', true);
        PERFORM FROM bookdrop.queue WHERE id = of_queue FOR NO KEY UPDATE;
        groups := '{}';
    END IF;
    IF asks IS NOT NULL THEN
        SELECT id INTO STRICT d FROM bookdrop.consumer_group WHERE queue = of_queue AND name = 'default';
    END IF;
    IF have_keys OR asks IS NOT NULL THEN
        PERFORM FROM bookdrop.consumer_group WHERE id = ANY (groups || d) ORDER BY id FOR NO KEY UPDATE;
    END IF;
    dropped := 0;
    expired := 0;
    IF have_ids OR asks IS NOT NULL OR plain > 0 AND most_queued > capacity OR delayed > 0 AND most_delayed > max_delayed THEN
        SELECT * INTO checked FROM bookdrop.check_room(of_queue, groups, d, event_ids, are_given, delays, probes, asks, patient, plain, delayed,
            capacity, max_delayed, id_window, drops_oldest);
        fates := checked.fates;
        dropped := checked.dropped;
        expired := checked.expired;
        IF 'sent' <> ALL (fates) THEN
            RETURN;
        END IF;
    END IF;
    now := clock_timestamp();
    IF array_length(event_ids, 1) = 1 AND array_length(groups, 1) = 1 AND delayed = 0 AND asks IS NULL AND NOT have_keys THEN
        -- What is most often sent is sent soonest.
        number := nextval('bookdrop.event_place');
        INSERT INTO bookdrop.event (id, consumer_group, state, priority, place, event_id, is_id_given, time_to_live, content, wakes_at, expires_at)
            VALUES (number, groups[1], 'ready', priorities[1], number, event_ids[1], are_given[1], times_to_live[1], contents[1],
                now + bookdrop.span(times_to_live[1]), now + bookdrop.span(times_to_live[1]));
        RETURN;
    END IF;
    INSERT INTO bookdrop.event (id, consumer_group, state, priority, place, event_id, is_id_given, key, delay, time_to_live, content,
            wakes_at, expires_at, deadline, asker, ask, waits_for_consumer)
        SELECT p.place, p.consumer_group,
            CASE WHEN p.delay IS NOT NULL THEN 'delayed' WHEN p.key IS NOT NULL THEN 'behind' ELSE 'ready' END::bookdrop.event_state,
            p.priority, p.place, p.event_id, p.is_id_given, p.key, p.delay, p.time_to_live, p.content,
            least(now + bookdrop.span(p.delay), now + bookdrop.span(p.time_to_live), asked + bookdrop.span(p.timeout)),
            least(now + bookdrop.span(p.time_to_live), asked + bookdrop.span(p.timeout)), asked + bookdrop.span(p.timeout),
            CASE WHEN p.ask IS NOT NULL THEN of_driver END, p.ask, p.is_patient
        FROM (
            SELECT nextval('bookdrop.event_place') AS place, a.consumer_group, u.*
                FROM unnest(event_ids, are_given, keys, priorities, delays, times_to_live, contents, asks, timeouts, patient, fates)
                    WITH ORDINALITY u (event_id, is_id_given, key, priority, delay, time_to_live, content, ask, timeout, is_patient, fate, number),
                    unnest(CASE WHEN u.ask IS NULL THEN groups ELSE ARRAY[d] END) a (consumer_group)
                WHERE coalesce(u.fate, 'sent') = 'sent' ORDER BY u.number OFFSET 0) p;
    IF have_keys THEN
        FOREACH g IN ARRAY CASE WHEN d = ANY (groups) THEN groups ELSE groups || d END LOOP
            FOR k IN SELECT DISTINCT u.key FROM unnest(keys, delays) u (key, delay) WHERE u.key IS NOT NULL AND u.delay IS NULL LOOP
                PERFORM bookdrop.advance(g, k);
            END LOOP;
        END LOOP;
    END IF;
END $$;

-- What becomes of what is to be sent. Events are counted already: those that are not sent are not counted any more. Where there is no
-- room for something, nothing of its kind that follows it is sent either. The kinds are events, delayed events, requests, delayed requests.
CREATE FUNCTION bookdrop.check_room(
    of_queue integer, groups integer[], default_group integer, event_ids text[], are_given boolean[], delays bigint[], probes boolean[],
    asks bigint[], patient boolean[], plain bigint, delayed bigint, capacity bigint, max_delayed bigint, id_window bigint, drops_oldest boolean,
    OUT fates text[], OUT dropped bigint, OUT expired bigint)
LANGUAGE plpgsql AS $$
DECLARE
    all_groups integer[] := CASE WHEN default_group = ANY (groups) THEN groups ELSE groups || default_group END;
    default_is_addressed boolean := coalesce(default_group = ANY (groups), false);
    has_consumer boolean := EXISTS (SELECT FROM bookdrop.seat s WHERE s.consumer_group = default_group);
    now timestamptz := clock_timestamp();
    g integer;
    -- Here and below: without a delay, and with one.
    class integer;
    events bigint[] := '{0, 0}';
    requests bigint[] := '{0, 0}';
    -- How many more there is room for in the default group, where that counts, and in the fullest of the others.
    default_left bigint[];
    others_left bigint[];
    is_full boolean[] := '{false, false, false, false}';
    kind integer;
    fits boolean;
BEGIN
    dropped := 0;
    expired := 0;
    IF EXISTS (SELECT FROM bookdrop.event e WHERE e.consumer_group = ANY (all_groups) AND e.wakes_at <= now) THEN
        -- What has expired takes no room.
        FOR g IN SELECT unnest(all_groups) ORDER BY 1 LOOP
            expired := expired + bookdrop.tidy(g);
        END LOOP;
    END IF;
    SELECT ARRAY[capacity + plain - max(n.queued), max_delayed + check_room.delayed - max(n.delayed)] INTO others_left
        FROM unnest(groups) a (id), bookdrop.depth(a.id) n WHERE a.id IS DISTINCT FROM default_group;
    SELECT ARRAY[capacity - n.queued, max_delayed - n.delayed] INTO default_left FROM bookdrop.depth(default_group) n;
    IF default_is_addressed THEN
        default_left := ARRAY[default_left[1] + plain, default_left[2] + delayed];
    END IF;
    FOR i IN 1 .. array_length(event_ids, 1) LOOP
        IF asks[i] IS NULL AND are_given[i] AND id_window > 0 AND EXISTS (
            SELECT FROM bookdrop.remembered_id r WHERE r.queue = of_queue AND r.event_id = event_ids[i] AND r.until > now)
        THEN
            fates[i] := 'duplicate';
            CONTINUE;
        ELSIF probes[i] THEN
            fates[i] := 'full';
            CONTINUE;
        ELSIF asks[i] IS NOT NULL AND NOT has_consumer AND NOT patient[i] THEN
            fates[i] := 'no consumer';
            CONTINUE;
        END IF;
        class := CASE WHEN delays[i] IS NULL THEN 1 ELSE 2 END;
        kind := class + CASE WHEN asks[i] IS NULL THEN 0 ELSE 2 END;
        fits := NOT is_full[kind] AND CASE
            WHEN asks[i] IS NOT NULL THEN default_left[class] > 0
            ELSE coalesce(others_left[class] > 0, true) AND (NOT default_is_addressed OR default_left[class] > 0)
        END;
        IF NOT fits AND drops_oldest AND class = 1 AND NOT is_full[kind] THEN
            fits := true;
            FOREACH g IN ARRAY CASE WHEN asks[i] IS NULL THEN groups ELSE ARRAY[default_group] END LOOP
                -- Less what is counted and was not sent, and with the requests that are not counted yet.
                IF (bookdrop.depth(g)).queued - (CASE WHEN g = ANY (groups) THEN plain - events[1] ELSE 0 END)
                    + (CASE WHEN g = default_group THEN requests[1] ELSE 0 END) < capacity
                THEN
                    CONTINUE;
                ELSIF NOT bookdrop.drop_oldest(g) THEN
                    fits := false;
                    CONTINUE;
                END IF;
                dropped := dropped + 1;
                IF g = default_group THEN
                    default_left[1] := 1;
                ELSE
                    others_left[1] := 1;
                END IF;
            END LOOP;
        END IF;
        IF NOT fits THEN
            is_full[kind] := true;
            fates[i] := 'full';
            CONTINUE;
        END IF;
        fates[i] := 'sent';
        IF asks[i] IS NULL THEN
            events[class] := events[class] + 1;
            others_left[class] := others_left[class] - 1;
        ELSE
            requests[class] := requests[class] + 1;
        END IF;
        IF asks[i] IS NOT NULL OR default_is_addressed THEN
            default_left[class] := default_left[class] - 1;
        END IF;
        IF asks[i] IS NULL AND are_given[i] AND id_window > 0 THEN
            INSERT INTO bookdrop.remembered_id VALUES (of_queue, event_ids[i], now + bookdrop.span(id_window))
                ON CONFLICT (queue, event_id) DO UPDATE SET until = excluded.until;
        END IF;
    END LOOP;
    UPDATE bookdrop.queue SET sent = sent - (plain - events[1]), sent_delayed = sent_delayed - (delayed - events[2])
        WHERE id = of_queue AND (plain > events[1] OR delayed > events[2]);
    PERFORM bookdrop.book(default_group, -requests[1], -requests[2]);
END $$;

-- Hands over what is first in a group, at most so many events, and so many bytes but for one event that is larger. The last row is no
-- event: it says how many expired just now, whether there is more, and, where there is not, how many are queued there and in how many
-- nanoseconds something happens there by itself. There is no row if there is no such group.
CREATE FUNCTION bookdrop.fetch(of_group integer, to_driver bigint, most integer, most_bytes bigint)
RETURNS TABLE (id bigint, attempt integer, failures integer, priority smallint, event_id text, is_id_given boolean, key text, delay bigint, time_to_live bigint,
    content bytea, asker bigint, ask bigint, time_left bigint, queued bigint, expired bigint, has_more boolean)
LANGUAGE plpgsql AS $$
DECLARE
    handed bigint := 0;
    now timestamptz;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM FROM bookdrop.consumer_group c WHERE c.id = of_group FOR NO KEY UPDATE;
    expired := 0;
    -- In a variable, since what may change in the middle of a statement is looked up by no index.
    now := clock_timestamp();
    IF EXISTS (SELECT FROM bookdrop.event e WHERE e.consumer_group = of_group AND e.wakes_at <= now) THEN
        expired := bookdrop.tidy(of_group);
    END IF;
    RETURN QUERY
        WITH first AS MATERIALIZED (
            SELECT e.id, e.priority, e.place, octet_length(e.content) AS bytes FROM bookdrop.event e
                WHERE e.consumer_group = of_group AND e.state = 'ready' AND (e.expires_at IS NULL OR e.expires_at > clock_timestamp())
                ORDER BY e.priority DESC, e.place LIMIT most FOR UPDATE SKIP LOCKED
        ), fitting AS (
            SELECT s.id FROM (
                SELECT f.id, f.bytes, row_number() OVER ranked AS rank, sum(f.bytes) OVER ranked AS total FROM first f
                    WINDOW ranked AS (ORDER BY f.priority DESC, f.place)) s
                WHERE s.rank = 1 OR s.total <= most_bytes
        ), taken AS (
            UPDATE bookdrop.event e SET state = 'in hand', holder = to_driver, deliveries = e.deliveries + 1, wakes_at = NULL
                FROM fitting f WHERE e.id = f.id
                RETURNING e.id, e.deliveries, e.failures, e.priority, e.place, e.event_id, e.is_id_given, e.key, e.delay, e.time_to_live, e.content,
                    e.asker, e.ask, (extract(epoch FROM e.deadline - clock_timestamp()) * 1e9)::bigint AS time_left
        )
        SELECT t.id, t.deliveries, t.failures, t.priority, t.event_id, t.is_id_given, t.key, t.delay, t.time_to_live, t.content, t.asker, t.ask,
            t.time_left, NULL::bigint, NULL::bigint, true FROM taken t ORDER BY t.priority DESC, t.place;
    GET DIAGNOSTICS handed = ROW_COUNT;
    IF handed > 0 THEN
        UPDATE bookdrop.consumer_group c SET queued_left = c.queued_left + handed WHERE c.id = of_group;
    END IF;
    has_more := handed = most OR handed > 0 AND EXISTS (
        SELECT FROM bookdrop.event e WHERE e.consumer_group = of_group AND e.state = 'ready'
            AND (e.expires_at IS NULL OR e.expires_at > clock_timestamp()));
    IF NOT has_more THEN
        SELECT d.queued INTO queued FROM bookdrop.depth(of_group) d;
        IF queued IS NULL THEN
            RETURN;
        END IF;
        SELECT (extract(epoch FROM e.wakes_at - clock_timestamp()) * 1e9)::bigint INTO time_left FROM bookdrop.event e
            WHERE e.consumer_group = of_group AND e.wakes_at IS NOT NULL ORDER BY e.wakes_at LIMIT 1;
    ELSE
        queued := 0;
    END IF;
    RETURN NEXT;
END $$;

-- What was fetched, and nobody wanted any more, stands where it stood.
CREATE FUNCTION bookdrop.put_back(of_driver bigint, event_numbers bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    g integer;
    k text;
    keys text[];
    back bigint;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR g IN SELECT DISTINCT e.consumer_group FROM bookdrop.event e WHERE e.id = ANY (event_numbers) ORDER BY 1 LOOP
        PERFORM bookdrop.lock_group(g);
        WITH put AS (
            UPDATE bookdrop.event SET state = CASE WHEN key IS NULL THEN 'ready' ELSE 'behind' END::bookdrop.event_state,
                holder = NULL, deliveries = deliveries - 1, wakes_at = expires_at
                WHERE id = ANY (event_numbers) AND consumer_group = g AND holder = of_driver AND state = 'in hand' RETURNING key)
        SELECT count(*), array_agg(DISTINCT key) FILTER (WHERE key IS NOT NULL) INTO back, keys FROM put;
        PERFORM bookdrop.book(g, -back, 0);
        FOREACH k IN ARRAY coalesce(keys, '{}') LOOP
            PERFORM bookdrop.advance(g, k);
        END LOOP;
    END LOOP;
END $$;

-- Lets go of events in hand that are done with. A requester elsewhere is told how its request ended, if there is an outcome. Says of each
-- event, by its place in the list, whether that requester still waited; nothing of those that are not in hand. So do the functions below.
CREATE FUNCTION bookdrop.finish(
    of_driver bigint, event_numbers bigint[], attempts integer[], outcomes text[], answers bytea[], have_keys boolean, are_requests boolean,
    is_lazy boolean)
RETURNS TABLE (place bigint, was_told boolean) LANGUAGE plpgsql AS $$
DECLARE
    e record;
BEGIN
    IF is_lazy THEN
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    IF have_keys THEN
        PERFORM FROM bookdrop.consumer_group c WHERE c.id IN (
            SELECT k.consumer_group FROM bookdrop.event k WHERE k.id = ANY (event_numbers) AND k.key IS NOT NULL)
            ORDER BY c.id FOR NO KEY UPDATE;
    ELSIF NOT are_requests THEN
        RETURN QUERY DELETE FROM bookdrop.event d USING unnest(event_numbers, attempts) WITH ORDINALITY u (number, attempt, place)
            WHERE d.id = u.number AND d.deliveries = u.attempt AND d.holder = of_driver RETURNING u.place, false;
        RETURN;
    END IF;
    FOR e IN DELETE FROM bookdrop.event d USING unnest(event_numbers, attempts, outcomes, answers)
            WITH ORDINALITY u (number, attempt, outcome, answer, place)
        WHERE d.id = u.number AND d.deliveries = u.attempt AND d.holder = of_driver
        RETURNING u.place, d.consumer_group, d.key, d.asker, d.ask, u.outcome, u.answer
    LOOP
        -- Of a key, the next one follows.
        IF e.key IS NOT NULL THEN
            PERFORM bookdrop.advance(e.consumer_group, e.key);
        END IF;
        place := e.place;
        was_told := e.outcome IS NOT NULL AND e.asker > 0
            AND (e.asker = of_driver OR bookdrop.tell(e.asker, e.ask, e.outcome, true, '', e.answer));
        RETURN NEXT;
    END LOOP;
END $$;

-- Makes a dead letter of an event in hand.
CREATE FUNCTION bookdrop.bury(e bookdrop.event, of_reason text, why text, max_dead bigint, OUT dropped bigint) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM bookdrop.event WHERE id = e.id;
    IF e.key IS NOT NULL THEN
        PERFORM bookdrop.advance(e.consumer_group, e.key);
    END IF;
    INSERT INTO bookdrop.dead_letter (consumer_group, reason, explanation, was_request, deliveries, priority, event_id, is_id_given, key, delay,
            time_to_live, content)
        SELECT e.consumer_group, of_reason, why, e.asker IS NOT NULL, e.deliveries, e.priority, e.event_id, e.is_id_given, e.key, e.delay,
            e.time_to_live, e.content
        FROM bookdrop.consumer_group WHERE id = e.consumer_group;
    IF e.asker > 0 THEN
        PERFORM bookdrop.tell(e.asker, e.ask, of_reason, true, why);
    END IF;
    -- What could not be decoded nobody has seen yet, but of a request its requester was told.
    DELETE FROM bookdrop.dead_letter WHERE consumer_group = e.consumer_group AND (reason <> 'undecodable' OR was_request) AND id <= (
        SELECT id FROM bookdrop.dead_letter WHERE consumer_group = e.consumer_group AND (reason <> 'undecodable' OR was_request)
        ORDER BY id DESC OFFSET max_dead LIMIT 1);
    GET DIAGNOSTICS dropped = ROW_COUNT;
END $$;

-- Puts an event that left its holder where it belongs: it failed if there is a wait, also one of none.
CREATE FUNCTION bookdrop.come_back(e bookdrop.event, failed boolean, wait interval, pauses boolean, max_attempts integer, max_deliveries integer, max_dead bigint,
    OUT fate text, OUT dropped bigint)
LANGUAGE plpgsql AS $$
DECLARE
    now timestamptz := clock_timestamp();
    due timestamptz := now + wait;
    ended text;
BEGIN
    dropped := 0;
    IF e.asker IS NOT NULL THEN
        -- Nobody works for those who left.
        ended := CASE
            WHEN e.asker = 0 THEN 'given up'
            WHEN NOT EXISTS (SELECT FROM bookdrop.consumer_group WHERE id = e.consumer_group) THEN 'no consumer'
            WHEN e.expires_at <= now THEN 'deadline'
            WHEN due >= e.expires_at THEN 'retry too late'
            WHEN NOT EXISTS (SELECT FROM bookdrop.driver WHERE id = e.asker) THEN 'given up'
            WHEN EXISTS (SELECT FROM bookdrop.driver WHERE id = e.asker AND is_closed) THEN 'closed'
            WHEN NOT e.waits_for_consumer AND NOT EXISTS (SELECT FROM bookdrop.seat WHERE consumer_group = e.consumer_group) THEN 'no consumer'
        END;
    ELSIF e.expires_at <= now THEN
        ended := 'expired';
    ELSIF NOT EXISTS (SELECT FROM bookdrop.consumer_group WHERE id = e.consumer_group) THEN
        ended := 'group removed';
    END IF;
    IF failed AND e.failures + 1 >= max_attempts THEN
        fate := 'buried';
        dropped := bookdrop.bury(e, 'max attempts', '', max_dead);
        RETURN;
    ELSIF e.deliveries >= max_deliveries THEN
        fate := 'buried';
        dropped := bookdrop.bury(e, 'max deliveries', '', max_dead);
        RETURN;
    ELSIF ended IS NOT NULL THEN
        fate := ended;
        DELETE FROM bookdrop.event WHERE id = e.id;
        IF e.asker > 0 THEN
            PERFORM bookdrop.tell(e.asker, e.ask, ended, true);
        END IF;
    ELSIF due > now THEN
        fate := 'returned';
        UPDATE bookdrop.event SET state = 'retrying', holder = NULL, failures = failures + failed::integer, backs_off = pauses,
            wakes_at = least(due, expires_at) WHERE id = e.id;
        PERFORM bookdrop.book(e.consumer_group, 0, -1);
    ELSE
        fate := 'returned';
        UPDATE bookdrop.event SET state = CASE WHEN key IS NULL THEN 'ready' ELSE 'behind' END::bookdrop.event_state,
            holder = NULL, failures = failures + failed::integer, wakes_at = expires_at WHERE id = e.id;
        PERFORM bookdrop.book(e.consumer_group, -1, 0);
    END IF;
    IF e.key IS NOT NULL THEN
        PERFORM bookdrop.advance(e.consumer_group, e.key);
    END IF;
END $$;

-- Events in hand come back: those that failed after so long or, without a wait, after the pause of the back-off; others at once.
CREATE FUNCTION bookdrop.return_events(of_driver bigint, event_numbers bigint[], attempts integer[], have_failed boolean[], waits bigint[],
    backoff_first bigint, backoff_max bigint, max_attempts integer, max_deliveries integer, max_dead bigint)
RETURNS TABLE (place bigint, fate text, dropped bigint) LANGUAGE plpgsql AS $$
DECLARE
    e bookdrop.event;
    wait interval;
BEGIN
    PERFORM bookdrop.lock_groups_of(event_numbers);
    FOR i IN 1 .. array_length(event_numbers, 1) LOOP
        SELECT * INTO e FROM bookdrop.event v
            WHERE v.id = event_numbers[i] AND v.deliveries = attempts[i] AND v.holder = of_driver AND v.state = 'in hand' FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        wait := CASE
            WHEN waits[i] IS NOT NULL THEN bookdrop.span(waits[i])
            WHEN e.failures = 0 OR NOT have_failed[i] THEN interval '0'
            -- Doubled each time, and with up to a quarter more, so that what failed together does not come back together.
            ELSE bookdrop.span((least(backoff_first * 2.0 ^ least(e.failures - 1, 60), backoff_max) * (1 + random() / 4))::bigint)
        END;
        place := i;
        SELECT b.fate, b.dropped INTO fate, dropped
            FROM bookdrop.come_back(e, have_failed[i], wait, waits[i] IS NULL, max_attempts, max_deliveries, max_dead) b;
        RETURN NEXT;
    END LOOP;
END $$;

-- Events in hand failed for good.
CREATE FUNCTION bookdrop.reject(of_driver bigint, event_numbers bigint[], attempts integer[], reasons text[], whys text[], max_dead bigint)
RETURNS TABLE (place bigint, dropped bigint) LANGUAGE plpgsql AS $$
DECLARE
    e bookdrop.event;
BEGIN
    PERFORM bookdrop.lock_groups_of(event_numbers);
    FOR i IN 1 .. array_length(event_numbers, 1) LOOP
        SELECT * INTO e FROM bookdrop.event v
            WHERE v.id = event_numbers[i] AND v.deliveries = attempts[i] AND v.holder = of_driver AND v.state = 'in hand' FOR UPDATE;
        CONTINUE WHEN NOT FOUND;
        place := i;
        dropped := bookdrop.bury(e, reasons[i], whys[i], max_dead);
        RETURN NEXT;
    END LOOP;
END $$;

-- Requests in hand are done with, but their answers are still owed.
CREATE FUNCTION bookdrop.owe(of_driver bigint, event_numbers bigint[], attempts integer[]) RETURNS TABLE (place bigint) LANGUAGE plpgsql AS $$
DECLARE
    e record;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    PERFORM bookdrop.lock_group(g.consumer_group) FROM (
        SELECT DISTINCT k.consumer_group FROM bookdrop.event k WHERE k.id = ANY (event_numbers) AND k.key IS NOT NULL ORDER BY 1) g;
    FOR e IN UPDATE bookdrop.event d SET state = 'owed' FROM unnest(event_numbers, attempts) WITH ORDINALITY u (number, attempt, place)
        WHERE d.id = u.number AND d.deliveries = u.attempt AND d.holder = of_driver AND d.state = 'in hand'
        RETURNING u.place, d.consumer_group, d.key
    LOOP
        IF e.key IS NOT NULL THEN
            PERFORM bookdrop.advance(e.consumer_group, e.key);
        END IF;
        place := e.place;
        RETURN NEXT;
    END LOOP;
END $$;

-- Requests of a driver are given up: what waits leaves the queue, and who has one in hand is told. Says of each whether somebody ever
-- had it; nothing of those that are not there.
CREATE FUNCTION bookdrop.give_up(of_asker bigint, their_asks bigint[]) RETURNS TABLE (ask bigint, was_taken boolean) LANGUAGE plpgsql AS $$
DECLARE
    e record;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN QUERY SELECT w.ask, w.was_taken FROM bookdrop.withdraw(of_asker, their_asks) w;
    FOR e IN UPDATE bookdrop.event v SET asker = 0 WHERE v.asker = of_asker AND v.ask = ANY (their_asks)
        RETURNING v.id, v.ask, v.holder, v.deliveries
    LOOP
        PERFORM pg_notify('bookdrop_' || e.holder, 'unwanted ' || e.id || ' ' || e.deliveries);
        ask := e.ask;
        was_taken := true;
        RETURN NEXT;
    END LOOP;
END $$;

-- Requests of a driver that nobody has in hand leave the queue; all of them where none are named.
CREATE FUNCTION bookdrop.withdraw(of_asker bigint, their_asks bigint[]) RETURNS TABLE (ask bigint, was_taken boolean) LANGUAGE plpgsql AS $$
DECLARE
    g integer;
    k text;
    gone record;
BEGIN
    FOR g IN SELECT DISTINCT v.consumer_group FROM bookdrop.event v WHERE v.asker = of_asker ORDER BY 1 LOOP
        PERFORM bookdrop.lock_group(g);
        WITH left_it AS (
            DELETE FROM bookdrop.event v WHERE v.asker = of_asker AND v.consumer_group = g AND v.state NOT IN ('in hand', 'owed')
                AND (their_asks IS NULL OR v.ask = ANY (their_asks)) RETURNING v.ask, v.deliveries, v.state, v.key)
        SELECT count(*) FILTER (WHERE l.state IN ('ready', 'behind')) AS queued, count(*) FILTER (WHERE l.state IN ('delayed', 'retrying')) AS delayed,
            coalesce(array_agg(l.ask), '{}') AS asks, coalesce(array_agg(l.deliveries > 0), '{}') AS were_taken,
            coalesce(array_agg(DISTINCT l.key) FILTER (WHERE l.key IS NOT NULL), '{}') AS keys
            INTO gone FROM left_it l;
        PERFORM bookdrop.book(g, gone.queued, gone.delayed);
        FOREACH k IN ARRAY gone.keys LOOP
            PERFORM bookdrop.advance(g, k);
        END LOOP;
        RETURN QUERY SELECT u.ask, u.was_taken FROM unnest(gone.asks, gone.were_taken) u (ask, was_taken);
    END LOOP;
END $$;

-- A driver takes nothing new: those of its requests that nobody has in hand end, and nothing pauses any more before it is tried again.
CREATE FUNCTION bookdrop.close(of_driver bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    q integer;
    g integer;
    k text;
    back record;
BEGIN
    UPDATE bookdrop.driver SET is_closed = true WHERE id = of_driver RETURNING queue INTO q;
    PERFORM FROM bookdrop.consumer_group WHERE queue = q ORDER BY id FOR NO KEY UPDATE;
    PERFORM bookdrop.tell(of_driver, w.ask, 'closed', w.was_taken) FROM bookdrop.withdraw(of_driver, NULL) w;
    FOR g IN SELECT id FROM bookdrop.consumer_group WHERE queue = q ORDER BY id FOR NO KEY UPDATE LOOP
        WITH retried AS (
            UPDATE bookdrop.event SET state = CASE WHEN key IS NULL THEN 'ready' ELSE 'behind' END::bookdrop.event_state, wakes_at = expires_at
                WHERE consumer_group = g AND state = 'retrying' AND backs_off RETURNING key)
        SELECT count(*) AS number, coalesce(array_agg(DISTINCT key) FILTER (WHERE key IS NOT NULL), '{}') AS keys INTO back FROM retried;
        PERFORM bookdrop.book(g, -back.number, back.number);
        FOREACH k IN ARRAY back.keys LOOP
            PERFORM bookdrop.advance(g, k);
        END LOOP;
    END LOOP;
END $$;

-- A consumer comes. Its group begins with its first one, and the first group gets what was sent before it. Nothing where the driver is not
-- known any more.
CREATE FUNCTION bookdrop.come(of_driver bigint, of_name text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    q integer;
    g integer;
    d integer;
    k text;
    moved record;
BEGIN
    SELECT queue INTO q FROM bookdrop.driver WHERE id = of_driver;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM bookdrop.queue WHERE id = q FOR NO KEY UPDATE;
    g := bookdrop.make_group(q, of_name);
    d := bookdrop.make_group(q, 'default');
    PERFORM FROM bookdrop.consumer_group WHERE id IN (g, d) ORDER BY id FOR NO KEY UPDATE;
    IF g <> d AND NOT EXISTS (SELECT FROM bookdrop.consumer_group WHERE queue = q AND joined_at IS NOT NULL) THEN
        WITH moving AS (
            UPDATE bookdrop.event SET consumer_group = g WHERE consumer_group = d AND asker IS NULL RETURNING state, key)
        SELECT count(*) FILTER (WHERE state IN ('ready', 'behind')) AS queued, count(*) FILTER (WHERE state IN ('delayed', 'retrying')) AS delayed,
            coalesce(array_agg(DISTINCT key) FILTER (WHERE key IS NOT NULL), '{}') AS keys
            INTO moved FROM moving;
        PERFORM bookdrop.address(d, false);
        PERFORM bookdrop.book(d, moved.queued, moved.delayed);
        PERFORM bookdrop.book(g, -moved.queued, -moved.delayed);
        -- Requests stay, so what stood behind one, or before one, does so no more.
        FOREACH k IN ARRAY moved.keys LOOP
            PERFORM bookdrop.advance(d, k);
            PERFORM bookdrop.advance(g, k);
        END LOOP;
    END IF;
    PERFORM bookdrop.address(g, true);
    UPDATE bookdrop.consumer_group SET joined_at = clock_timestamp() WHERE id = g AND joined_at IS NULL;
    -- How many sit there is said by whoever counts them.
    INSERT INTO bookdrop.seat VALUES (of_driver, g, 1) ON CONFLICT DO NOTHING;
    RETURN g;
END $$;

-- So many consumers of a driver sit in a group.
CREATE FUNCTION bookdrop.sit(of_driver bigint, of_group integer, number integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM bookdrop.lock_group(of_group);
    IF number > 0 THEN
        -- One that is not known any more tells it again when it is.
        INSERT INTO bookdrop.seat AS s SELECT d.id, c.id, number FROM bookdrop.consumer_group c, bookdrop.driver d
            WHERE c.id = of_group AND d.id = of_driver
            ON CONFLICT (driver, consumer_group) DO UPDATE SET consumers = number;
    ELSE
        DELETE FROM bookdrop.seat WHERE driver = of_driver AND consumer_group = of_group;
        PERFORM bookdrop.abandon(of_group);
    END IF;
END $$;

-- Where no consumer is left, requests that did not want to wait for one end.
CREATE FUNCTION bookdrop.abandon(of_group integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    k text;
    gone record;
BEGIN
    IF EXISTS (SELECT FROM bookdrop.seat WHERE consumer_group = of_group) THEN
        RETURN;
    END IF;
    PERFORM bookdrop.lock_group(of_group);
    WITH left_it AS (
        DELETE FROM bookdrop.event WHERE consumer_group = of_group AND asker > 0 AND NOT waits_for_consumer AND state NOT IN ('in hand', 'owed')
            RETURNING asker, ask, deliveries, state, key)
    SELECT count(*) FILTER (WHERE state IN ('ready', 'behind')) AS queued, count(*) FILTER (WHERE state IN ('delayed', 'retrying')) AS delayed,
        count(bookdrop.tell(asker, ask, 'no consumer', deliveries > 0)) AS told,
        coalesce(array_agg(DISTINCT key) FILTER (WHERE key IS NOT NULL), '{}') AS keys
        INTO gone FROM left_it;
    PERFORM bookdrop.book(of_group, gone.queued, gone.delayed);
    FOREACH k IN ARRAY gone.keys LOOP
        PERFORM bookdrop.advance(of_group, k);
    END LOOP;
END $$;

-- What a driver has in hand comes back without having failed.
CREATE FUNCTION bookdrop.give_back(of_driver bigint, max_deliveries integer, max_dead bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    e bookdrop.event;
    number bigint;
    g integer;
    k text;
    back record;
BEGIN
    FOR g IN SELECT DISTINCT consumer_group FROM bookdrop.event WHERE holder = of_driver ORDER BY 1 LOOP
        PERFORM bookdrop.lock_group(g);
        -- Most of them have nothing about them, and come back together.
        WITH returned AS (
            UPDATE bookdrop.event SET state = CASE WHEN key IS NULL THEN 'ready' ELSE 'behind' END::bookdrop.event_state, holder = NULL
                WHERE holder = of_driver AND consumer_group = g AND state = 'in hand' AND asker IS NULL AND expires_at IS NULL
                AND deliveries < max_deliveries AND EXISTS (SELECT FROM bookdrop.consumer_group WHERE id = g) RETURNING key)
        SELECT count(*) AS number, coalesce(array_agg(DISTINCT key) FILTER (WHERE key IS NOT NULL), '{}') AS keys INTO back FROM returned;
        PERFORM bookdrop.book(g, -back.number, 0);
        FOREACH k IN ARRAY back.keys LOOP
            PERFORM bookdrop.advance(g, k);
        END LOOP;
        FOR number IN SELECT id FROM bookdrop.event WHERE holder = of_driver AND consumer_group = g ORDER BY id LOOP
            SELECT * INTO e FROM bookdrop.event WHERE id = number FOR UPDATE;
            IF e.state = 'owed' THEN
                DELETE FROM bookdrop.event WHERE id = number;
                PERFORM bookdrop.tell(e.asker, e.ask, 'unanswered', true);
            ELSE
                PERFORM bookdrop.come_back(e, false, interval '0', false, 2147483647, max_deliveries, max_dead);
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- A driver goes: what it has in hand comes back, and its requests go with it.
CREATE FUNCTION bookdrop.leave(of_driver bigint, max_deliveries integer, max_dead bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    q integer;
    g integer;
BEGIN
    SELECT queue INTO q FROM bookdrop.driver WHERE id = of_driver;
    -- More than once one after the other, so all of them at first, in order.
    PERFORM FROM bookdrop.consumer_group WHERE queue = q ORDER BY id FOR NO KEY UPDATE;
    PERFORM FROM bookdrop.driver WHERE id = of_driver FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM FROM bookdrop.give_up(of_driver, (SELECT coalesce(array_agg(ask), '{}') FROM bookdrop.event WHERE asker = of_driver));
    PERFORM bookdrop.give_back(of_driver, max_deliveries, max_dead);
    FOR g IN DELETE FROM bookdrop.seat WHERE driver = of_driver RETURNING consumer_group LOOP
        PERFORM bookdrop.abandon(g);
    END LOOP;
    DELETE FROM bookdrop.driver WHERE id = of_driver;
END $$;

-- Drivers of a queue whose lease has ended go; ids that were remembered long enough are forgotten. Says how many drivers went.
CREATE FUNCTION bookdrop.look_after(of_queue integer, max_deliveries integer, max_dead bigint, max_ids bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    d bigint;
    gone bigint := 0;
    now timestamptz := clock_timestamp();
BEGIN
    IF EXISTS (SELECT FROM bookdrop.driver WHERE queue = of_queue AND alive_until < now) THEN
        PERFORM FROM bookdrop.consumer_group WHERE queue = of_queue ORDER BY id FOR NO KEY UPDATE;
        FOR d IN SELECT id FROM bookdrop.driver WHERE queue = of_queue AND alive_until < now FOR UPDATE SKIP LOCKED LOOP
            PERFORM bookdrop.leave(d, max_deliveries, max_dead);
            gone := gone + 1;
        END LOOP;
    END IF;
    -- One that fetched something when it was taken for dead already, and had not heard of it. Holders are few, and found one after the other.
    SELECT min(holder) INTO d FROM bookdrop.event WHERE holder IS NOT NULL;
    WHILE d IS NOT NULL LOOP
        -- Other queues have other bounds.
        IF NOT EXISTS (SELECT FROM bookdrop.driver WHERE id = d) AND EXISTS (
            SELECT FROM bookdrop.event e LEFT JOIN bookdrop.consumer_group c ON c.id = e.consumer_group
                WHERE e.holder = d AND coalesce(c.queue, of_queue) = of_queue)
        THEN
            PERFORM bookdrop.give_back(d, max_deliveries, max_dead);
            gone := gone + 1;
        END IF;
        SELECT min(holder) INTO d FROM bookdrop.event WHERE holder > d;
    END LOOP;
    DELETE FROM bookdrop.remembered_id WHERE queue = of_queue AND until < now;
    IF max_ids > 0 THEN
        DELETE FROM bookdrop.remembered_id WHERE queue = of_queue AND (until, event_id) <= (
            SELECT until, event_id FROM bookdrop.remembered_id WHERE queue = of_queue ORDER BY until DESC, event_id DESC
                OFFSET max_ids LIMIT 1);
    END IF;
    RETURN gone;
END $$;

-- After its connection was lost: what a driver has in hand without knowing of it stands where it stood. Returns what it has in hand of that
-- which it knows: a server that was killed has forgotten what it had not flushed, and gives numbers of that once more.
CREATE FUNCTION bookdrop.reclaim(of_driver bigint, known bigint[]) RETURNS SETOF bigint LANGUAGE sql AS $$
    SELECT bookdrop.put_back(of_driver, (
        SELECT coalesce(array_agg(id), '{}') FROM bookdrop.event WHERE holder = of_driver AND state = 'in hand' AND id <> ALL (known)));
    SELECT id FROM bookdrop.event WHERE holder = of_driver AND id = ANY (known)
$$;

-- After its connection was lost: requests of a driver that have ended there are given up, since a server that was killed may have
-- forgotten that they were answered. Those after the last one may be on their way.
CREATE FUNCTION bookdrop.disclaim(of_asker bigint, last bigint, known bigint[]) RETURNS void LANGUAGE sql AS $$
    SELECT bookdrop.give_up(of_asker, (
        SELECT coalesce(array_agg(ask), '{}') FROM bookdrop.event WHERE asker = of_asker AND ask <= last AND ask <> ALL (known)))
$$;

-- Wakes the other drivers of a queue: there are events, or there is room.
CREATE FUNCTION bookdrop.wake(of_queue integer, of_driver bigint, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('bookdrop_' || id, what) FROM bookdrop.driver WHERE queue = of_queue AND id <> of_driver;
END $$;

-- Lets go of everything that is queued or waits for its time.
CREATE FUNCTION bookdrop.purge(of_queue integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    g integer;
    gone record;
    purged bigint := 0;
BEGIN
    FOR g IN SELECT id FROM bookdrop.consumer_group WHERE queue = of_queue ORDER BY id FOR NO KEY UPDATE LOOP
        WITH left_it AS (
            DELETE FROM bookdrop.event WHERE consumer_group = g AND state NOT IN ('in hand', 'owed') RETURNING state, asker, ask, deliveries)
        SELECT count(*) FILTER (WHERE state IN ('ready', 'behind')) AS queued, count(*) FILTER (WHERE state IN ('delayed', 'retrying')) AS delayed,
            count(*) FILTER (WHERE CASE WHEN asker > 0 THEN bookdrop.tell(asker, ask, 'purged', deliveries > 0) END) AS told
            INTO gone FROM left_it;
        PERFORM bookdrop.book(g, gone.queued, gone.delayed);
        purged := purged + gone.queued + gone.delayed;
    END LOOP;
    RETURN purged;
END $$;

-- Removes a group with all that stands in it.
CREATE FUNCTION bookdrop.remove_group(of_queue integer, of_name text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    g integer;
    e record;
BEGIN
    PERFORM FROM bookdrop.queue WHERE id = of_queue FOR NO KEY UPDATE;
    SELECT id INTO g FROM bookdrop.consumer_group WHERE queue = of_queue AND name = of_name AND joined_at IS NOT NULL FOR UPDATE;
    IF g IS NULL THEN
        RETURN false;
    END IF;
    FOR e IN SELECT asker, ask, deliveries FROM bookdrop.event WHERE consumer_group = g AND asker > 0 AND state NOT IN ('in hand', 'owed') LOOP
        PERFORM bookdrop.tell(e.asker, e.ask, 'no consumer', e.deliveries > 0);
    END LOOP;
    -- What is in hand can still be settled.
    DELETE FROM bookdrop.event WHERE consumer_group = g AND state NOT IN ('in hand', 'owed');
    DELETE FROM bookdrop.consumer_group WHERE id = g;
    PERFORM bookdrop.keep_for_the_first(of_queue);
    RETURN true;
END $$;

-- Puts dead letters of a group back into the queue, all of them where none are named.
CREATE FUNCTION bookdrop.replay(of_queue integer, of_name text, letters bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    g integer;
    k text;
    now timestamptz;
    back record;
BEGIN
    SELECT id INTO g FROM bookdrop.consumer_group WHERE queue = of_queue AND name = of_name FOR NO KEY UPDATE;
    IF letters IS NULL THEN
        SELECT array_agg(id) INTO letters FROM bookdrop.dead_letter WHERE consumer_group = g;
    END IF;
    now := clock_timestamp();
    WITH gone AS (
        DELETE FROM bookdrop.dead_letter l USING unnest(letters) n (id) WHERE l.id = n.id AND l.consumer_group = g RETURNING l.*
    ), placed AS (
        SELECT nextval('bookdrop.event_place') AS number, o.* FROM (SELECT * FROM gone ORDER BY id OFFSET 0) o
    ), replayed AS (
        INSERT INTO bookdrop.event (id, consumer_group, state, priority, place, event_id, is_id_given, key, delay, time_to_live, content, wakes_at,
                expires_at)
            SELECT p.number, g, CASE WHEN p.key IS NULL THEN 'ready' ELSE 'behind' END::bookdrop.event_state, p.priority, p.number, p.event_id,
                p.is_id_given, p.key, p.delay, p.time_to_live, p.content, now + bookdrop.span(p.time_to_live), now + bookdrop.span(p.time_to_live)
            FROM placed p
            RETURNING key)
    SELECT count(*) AS number, coalesce(array_agg(DISTINCT key) FILTER (WHERE key IS NOT NULL), '{}') AS keys INTO back FROM replayed;
    PERFORM bookdrop.book(g, -back.number, 0);
    FOREACH k IN ARRAY back.keys LOOP
        PERFORM bookdrop.advance(g, k);
    END LOOP;
    RETURN back.number;
END $$;

-- Lets go of dead letters of a group, of all of them where none are named.
CREATE FUNCTION bookdrop.discard(of_queue integer, of_name text, letters bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    g integer;
    discarded bigint;
BEGIN
    SELECT id INTO g FROM bookdrop.consumer_group WHERE queue = of_queue AND name = of_name;
    IF letters IS NULL THEN
        DELETE FROM bookdrop.dead_letter WHERE consumer_group = g;
    ELSE
        DELETE FROM bookdrop.dead_letter l USING unnest(letters) n (id) WHERE l.id = n.id AND l.consumer_group = g;
    END IF;
    GET DIAGNOSTICS discarded = ROW_COUNT;
    RETURN discarded;
END $$;

-- How a queue stands, or one group of it; nothing if there is none of that name.
CREATE FUNCTION bookdrop.stats(of_queue integer, of_name text)
RETURNS TABLE (queued bigint, delayed bigint, in_hand bigint, dead bigint, consumers bigint, expired bigint) LANGUAGE plpgsql AS $$
DECLARE
    g integer;
    gone bigint := 0;
    now timestamptz := clock_timestamp();
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    FOR g IN SELECT c.id FROM bookdrop.consumer_group c
        WHERE c.queue = of_queue AND (of_name IS NULL OR c.name = of_name AND c.joined_at IS NOT NULL) ORDER BY c.id
    LOOP
        IF EXISTS (SELECT FROM bookdrop.event e WHERE e.consumer_group = g AND e.wakes_at <= now) THEN
            gone := gone + bookdrop.tidy(g);
        END IF;
    END LOOP;
    RETURN QUERY SELECT
        sum(n.queued)::bigint,
        sum(n.delayed)::bigint,
        sum((SELECT count(*) FROM bookdrop.event e JOIN bookdrop.driver d ON d.id = e.holder
            WHERE d.queue = of_queue AND e.consumer_group = c.id AND e.state = 'in hand'))::bigint,
        sum((SELECT count(*) FROM bookdrop.dead_letter l WHERE l.consumer_group = c.id))::bigint,
        sum((SELECT coalesce(sum(s.consumers), 0) FROM bookdrop.seat s WHERE s.consumer_group = c.id))::bigint,
        gone
        FROM bookdrop.consumer_group c, bookdrop.depth(c.id) n
        WHERE c.queue = of_queue AND (of_name IS NULL OR c.name = of_name AND c.joined_at IS NOT NULL)
        HAVING count(*) > 0;
END $$;

-- Whether the outbox of a queue holds so many events. Where the ids are close to each other they need not be counted.
CREATE FUNCTION bookdrop.outbox_holds(of_queue integer, number bigint) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    oldest bigint := least(
        (SELECT min(id) FROM bookdrop.outbox WHERE queue = of_queue AND delay IS NULL),
        (SELECT min(id) FROM bookdrop.outbox WHERE queue = of_queue AND delay IS NOT NULL));
BEGIN
    IF oldest IS NULL OR (SELECT max(id) FROM bookdrop.outbox) - oldest + 1 < number THEN
        RETURN false;
    END IF;
    RETURN number <= (SELECT count(*) FROM (SELECT FROM bookdrop.outbox WHERE queue = of_queue AND delay IS NULL LIMIT number) p)
        + (SELECT count(*) FROM (SELECT FROM bookdrop.outbox WHERE queue = of_queue AND delay IS NOT NULL LIMIT number) d);
END $$;

-- Sends an event within the transaction of whoever calls this, with any client, and returns its id: it is sent if and when that transaction
-- commits. The event is a JSON object; what may stand in it is said in the guide on guarantees. Whoever may call this need not be able to
-- read or change anything here.
CREATE FUNCTION bookdrop.send(event text) RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    q bookdrop.queue;
    e record;
    unknown text;
    wrong text;
    its_id text;
    its_content bytea;
BEGIN
    BEGIN
        SELECT string_agg(k, ', ') INTO unknown FROM json_object_keys(event::json) k
            WHERE k NOT IN ('queue', 'id', 'is_id_given', 'key', 'priority', 'delay', 'time_to_live', 'content');
        SELECT * INTO e FROM json_to_record(event::json) r (
            queue text, id text, is_id_given boolean, key text, priority smallint, delay bigint, time_to_live bigint, content text);
        its_content := decode(e.content, 'base64');
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION 'bookdrop cannot send this event: %', SQLERRM USING ERRCODE = 'invalid_parameter_value';
    END;
    wrong := CASE
        WHEN unknown IS NOT NULL THEN 'nobody knows what this is: ' || unknown
        WHEN e.queue IS NULL THEN 'it has no `queue`'
        WHEN its_content IS NULL THEN 'it has no `content`'
        WHEN octet_length(its_content) > 268435456 THEN 'its `content` has more than 268435456 bytes'
        WHEN octet_length(e.id) NOT BETWEEN 1 AND 255 THEN 'its `id` has not 1 to 255 bytes'
        WHEN octet_length(e.key) NOT BETWEEN 1 AND 255 THEN 'its `key` has not 1 to 255 bytes'
        WHEN e.priority NOT BETWEEN 0 AND 9 THEN 'its `priority` is not from 0 to 9'
        WHEN least(e.delay, e.time_to_live) < 0 THEN 'its `delay`, or its `time_to_live`, is less than nothing'
    END;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'bookdrop cannot send this event: %', wrong USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT * INTO q FROM bookdrop.queue WHERE name = e.queue;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'bookdrop has no queue `%` in this database: open a driver of it once, which makes it', e.queue
            USING ERRCODE = 'undefined_object';
    END IF;
    -- While nobody relays, nobody looks how many there are.
    IF q.is_outbox_full OR NOT EXISTS (
            SELECT FROM bookdrop.driver WHERE queue = q.id AND NOT is_closed AND alive_until > clock_timestamp())
        AND bookdrop.outbox_holds(q.id, q.max_outbox)
    THEN
        RAISE EXCEPTION 'the outbox of queue `%` has as many events as `max_outbox` allows (%): see whether a driver of that queue is open, and '
            'whether its consumers keep up; send this again when some were relayed, or give its drivers a larger `max_outbox`',
            e.queue, q.max_outbox USING ERRCODE = 'configuration_limit_exceeded';
    END IF;
    its_id := coalesce(e.id, gen_random_uuid()::text);
    INSERT INTO bookdrop.outbox (queue, priority, event_id, is_id_given, key, delay, time_to_live, content)
        VALUES (q.id, coalesce(e.priority, 0), its_id, e.id IS NOT NULL AND coalesce(e.is_id_given, true), e.key, e.delay, e.time_to_live,
            its_content);
    PERFORM bookdrop.wake(q.id, 0, 'outbox');
    RETURN its_id;
END $$;
REVOKE EXECUTE ON FUNCTION bookdrop.send(text) FROM PUBLIC;

-- Puts what is first in the outbox of a queue into the queue, as far as there is room: at most so many events, of those without a delay and
-- of those with one, and about so many bytes. Says how many were put there, how many were duplicates, and whether any are left.
CREATE FUNCTION bookdrop.relay(
    of_queue integer, most bigint, most_bytes bigint, capacity bigint, max_delayed bigint, id_window bigint, drops_oldest boolean,
    most_kept bigint,
    OUT relayed bigint, OUT duplicates bigint, OUT dropped bigint, OUT expired bigint, OUT are_left boolean)
LANGUAGE plpgsql AS $$
DECLARE
    q bookdrop.queue;
    room bigint;
    delayed_room bigint;
    batch record;
    sent record;
    last_place bigint;
    ages interval[];
    now timestamptz;
BEGIN
    relayed := 0;
    duplicates := 0;
    dropped := 0;
    expired := 0;
    are_left := bookdrop.outbox_holds(of_queue, 1);
    IF NOT are_left AND NOT EXISTS (SELECT FROM bookdrop.queue WHERE id = of_queue AND (is_outbox_full OR max_outbox <> most_kept)) THEN
        RETURN;
    END IF;
    -- From here on nobody else relays, so that each event is relayed once, and in order.
    SELECT * INTO q FROM bookdrop.queue WHERE id = of_queue FOR NO KEY UPDATE;
    now := clock_timestamp();
    SELECT capacity - max(d.queued), max_delayed - max(d.delayed) INTO room, delayed_room
        FROM bookdrop.consumer_group c, bookdrop.depth(c.id) d WHERE c.queue = of_queue AND c.is_addressed;
    IF drops_oldest THEN
        room := capacity;
    END IF;
    -- Where there is no room for any, one tries it, since what has expired takes none.
    SELECT array_agg(b.id) AS ids, array_agg(b.event_id) AS event_ids, array_agg(b.is_id_given) AS are_given, array_agg(b.key) AS keys,
        array_agg(b.priority) AS priorities, array_agg(b.delay) AS delays, array_agg(b.time_to_live) AS times_to_live,
        array_agg(b.content) AS contents, array_agg(greatest(now - b.sent_at, interval '0')) AS ages,
        count(*) - count(b.delay) AS plain, count(b.delay) AS delayed, count(b.key) > 0 AS have_keys, bool_or(b.is_id_given) AS have_ids,
        count(b.delay) + count(b.time_to_live) > 0 AS are_timed
        INTO batch
        FROM (
            SELECT f.*, sum(octet_length(f.content)) OVER (PARTITION BY f.delay IS NULL ORDER BY f.id) - octet_length(f.content) AS bytes_before
                FROM (
                    (SELECT * FROM bookdrop.outbox WHERE queue = of_queue AND delay IS NULL
                        ORDER BY id LIMIT least(most, greatest(room, 1)))
                    UNION ALL
                    (SELECT * FROM bookdrop.outbox WHERE queue = of_queue AND delay IS NOT NULL
                        ORDER BY id LIMIT least(most, greatest(delayed_room, 1)))) f
                ORDER BY f.id) b
        WHERE b.bytes_before < most_bytes;
    IF batch.ids IS NOT NULL THEN
        IF batch.are_timed THEN
            -- Nobody else puts anything into these groups meanwhile, so that it is known which events were put there.
            PERFORM FROM bookdrop.consumer_group WHERE queue = of_queue AND is_addressed ORDER BY id FOR NO KEY UPDATE;
        END IF;
        last_place := nextval('bookdrop.event_place');
        SELECT coalesce(p.fates, array_fill('sent'::text, ARRAY[cardinality(batch.ids)])) AS fates, p.dropped, p.expired INTO sent
            FROM bookdrop.publish(of_queue, NULL, batch.event_ids, batch.are_given, batch.keys, batch.priorities, batch.delays,
                batch.times_to_live, batch.contents, NULL, NULL, NULL, NULL, batch.plain, batch.delayed, batch.have_keys,
                batch.have_ids AND id_window > 0, capacity, max_delayed, id_window, drops_oldest) p;
        dropped := sent.dropped;
        expired := sent.expired;
        IF batch.are_timed THEN
            -- Delays and times to live began when it was sent, and not just now.
            SELECT array_agg(u.age ORDER BY u.number) INTO ages
                FROM unnest(batch.ages, sent.fates) WITH ORDINALITY u (age, fate, number) WHERE u.fate = 'sent';
            UPDATE bookdrop.event e SET wakes_at = e.wakes_at - ages[p.number], expires_at = e.expires_at - ages[p.number]
                FROM (
                    SELECT v.id, row_number() OVER (PARTITION BY v.consumer_group ORDER BY v.id) AS number FROM bookdrop.event v
                        WHERE v.id > last_place AND v.consumer_group IN (
                            SELECT c.id FROM bookdrop.consumer_group c WHERE c.queue = of_queue AND c.is_addressed)) p
                WHERE e.id = p.id AND e.wakes_at IS NOT NULL;
        END IF;
        DELETE FROM bookdrop.outbox o USING unnest(batch.ids, sent.fates) u (id, fate) WHERE o.id = u.id AND u.fate <> 'full';
        SELECT count(*) FILTER (WHERE u.fate = 'sent'), count(*) FILTER (WHERE u.fate = 'duplicate') INTO relayed, duplicates
            FROM unnest(sent.fates) u (fate);
        are_left := bookdrop.outbox_holds(of_queue, 1);
    END IF;
    -- To count what is left takes a while where that is much, so it is done once a second.
    IF are_left AND q.outbox_seen_at < now - interval '1 s' THEN
        UPDATE bookdrop.queue SET max_outbox = most_kept, is_outbox_full = bookdrop.outbox_holds(of_queue, most_kept), outbox_seen_at = now
            WHERE id = of_queue;
    ELSIF NOT are_left AND q.is_outbox_full OR q.max_outbox <> most_kept THEN
        UPDATE bookdrop.queue SET max_outbox = most_kept, is_outbox_full = q.is_outbox_full AND are_left WHERE id = of_queue;
    END IF;
END $$;
