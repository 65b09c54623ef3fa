import { Attempt } from "./attempt.js";
import { ACK_BYTES, Poster } from "../transport/post.js";
import { Backoff } from "../transport/backoff.js";
import { Race } from "./race.js";
import { Timers } from "./timers.js";
import { recall, remember } from "./memory.js";

/**
 * What carries a session now: chooses a transport, finds another when it is lost, and a better one when there is one.
 *
 * @typedef {import("../transport/names.js").TransportName} TransportName
 * @typedef {import("../transport/attachment.js").Ending} Ending
 *
 * @typedef {object} LineEvents
 * @property {(transport: TransportName) => void} onAttached something carries it, or something else does
 * @property {() => void} onDetached nothing does, for now
 * @property {(how: "refused" | "over" | "gone", status?: number) => void} onOver last: it could not be opened; the
 *   server has ended it; or it is not there any more, or takes nothing, as this answer said
 *
 * @typedef {object} LineSettings
 * @property {string} url
 * @property {string[]} protocols
 * @property {import("../platform.js").Platform} platform
 * @property {TransportName[]} transports the best first
 * @property {() => number} [random]
 */
export class Line {
  #session;
  #settings;
  #platform;
  #events;
  #poster;
  #backoff;
  /** @type {Attempt | undefined} */
  #current;
  /** @type {Race | undefined} */
  #race;
  /** Who came too late, of the last race. @type {Attempt[]} */
  #losers = [];
  #isOver = false;
  #isFinishing = false;
  #lostAt = 0;
  #attachedAt = 0;
  /** What of both flows had arrived when it was attached. */
  #progress = 0;
  #ackedAt = 0;
  #riseMs = RISE_FIRST_MS;
  /** Whether what carries it is there because the one before may have been lost, and nothing has come since. */
  #isRenewed = false;
  /** @type {Timers<"retry" | "rise" | "look" | "ack" | "finish">} */
  #timers;

  /**
   * @param {import("../session/machine.js").Session} session
   * @param {LineSettings} settings
   * @param {LineEvents} events
   */
  constructor(session, settings, events) {
    this.#session = session;
    this.#settings = settings;
    this.#platform = settings.platform;
    this.#events = events;
    this.#backoff = new Backoff(settings.random);
    this.#timers = new Timers(settings.platform);
    this.#poster = new Poster(session, settings, {
      onPosted: () => this.#posted(),
      onGone: (status) => this.#end("gone", status),
    });
    this.#try(this.#inOrder());
    this.#look();
  }

  /** What carries it now. @returns {TransportName | ""} */
  get transport() {
    return this.#current?.name ?? "";
  }

  /** There is something to send. */
  pump() {
    const current = this.#current;
    if (!current?.isTwoWay) return this.#poster.wake();
    const { replay } = this.#session;
    for (let batch = replay.next(); batch; batch = replay.next()) current.send(batch);
  }

  /** Something has come. */
  received() {
    if (this.#isOver) return;
    this.#isRenewed = false;
    if (!this.#current?.isTwoWay) return this.#poster.wake();
    const isOld = this.#platform.now() - this.#ackedAt >= ACK_MS;
    if (isOld || this.#session.owedBytes >= ACK_BYTES) return this.#acknowledge();
    if (!this.#timers.has("ack")) this.#timers.set("ack", ACK_MS, () => this.#acknowledge());
  }

  /**
   * Looks after the line, because something has happened: tries at once where nothing carries it, and beside what does
   * where that may be lost.
   *
   * @param {boolean} isGrave whether it has to be taken for lost, and what did not work before may work now
   */
  probe(isGrave) {
    if (this.#isOver) return;
    this.#riseMs = RISE_FIRST_MS;
    this.#poster.hurry();
    const names = isGrave ? this.#settings.transports : this.#inOrder();
    if (!this.#current) this.#retryIn(0, names);
    else if (isGrave || this.#current.silentMs > SUSPECT_MS) this.#tryBeside(names);
  }

  /**
   * The peer has not said what it should have. Gives up what carries it, if that may be lost, and tries at once; but
   * only once where all that we sent has arrived, for then it may as well be that the peer says nothing.
   *
   * @returns {boolean} whether it does
   */
  renew() {
    const { replay } = this.#session;
    const isSilent = (this.#current?.silentMs ?? 0) >= UNHEARD_MS;
    if (!isSilent || (replay.isEmpty && this.#isRenewed)) return false;
    this.#isRenewed = true;
    // A POST in flight may be lost the same way.
    this.#poster.stop();
    this.#lost(true);
    return true;
  }

  /** The page goes away: what there is to say is said at once. */
  farewell() {
    if (this.#session.id) this.#poster.farewell();
  }

  /** Nothing more will be sent or read: ends when the server knows all that was said, or after a while. */
  finish() {
    if (this.#isOver || this.#isFinishing) return;
    this.#isFinishing = true;
    this.#timers.set("finish", FINISH_MS, () => this.stop());
    this.acknowledged();
  }

  /** The server has acknowledged something. */
  acknowledged() {
    if (this.#isFinishing && this.#session.replay.isEmpty) this.stop();
  }

  /** Ends without a word. */
  stop() {
    this.#isOver = true;
    this.#stopRace();
    for (const loser of this.#losers) loser.close();
    this.#poster.stop();
    this.#current?.close();
    this.#timers.clearAll();
  }

  /** @param {TransportName[]} names */
  #try(names) {
    const { url, protocols } = this.#settings;
    const session = this.#session;
    const position = () => ({ session: session.id, after: session.received });
    const order = { url, protocols, platform: this.#platform, position };
    const attempted = {
      onAttached: (/** @type {Attempt} */ attempt, /** @type {any} */ attached) => this.#attached(attempt, attached),
      onDetached: (/** @type {Attempt} */ attempt, /** @type {number} */ why) => this.#detached(attempt, why),
      onEnd: (/** @type {Attempt} */ attempt, /** @type {Ending} */ ending) => this.#ended(attempt, ending),
    };
    this.#timers.clear("retry");
    this.#timers.clear("rise");
    this.#stopRace();
    const begin = (/** @type {TransportName} */ name) => new Attempt(name, order, session, attempted);
    this.#race = new Race(names, this.#platform, begin, (endings) => this.#failed(endings));
  }

  /** What worked last comes first. */
  #inOrder() {
    const { transports, url } = this.#settings;
    const first = recall(url);
    return first && transports.includes(first) ? [first, ...transports.filter((name) => name !== first)] : transports;
  }

  /** @param {Attempt} attempt @param {import("../session/frames.js").Attached} attached */
  #attached(attempt, attached) {
    if (this.#isOver) return false;
    this.#session.attached(attached);
    if (attempt === this.#current) return true;
    // That our last words have arrived may have been the news.
    if (this.#isOver) return false;
    this.#losers = this.#race?.stop(attempt) ?? [];
    for (const loser of this.#losers) loser.leave();
    this.#race = undefined;
    this.#current?.close();
    this.#current = attempt;
    this.#begin(attempt, attached.received);
    return true;
  }

  /** @param {Attempt} attempt @param {number} received how many of our frames the server has */
  #begin(attempt, received) {
    this.#timers.clear("retry");
    this.#attachedAt = this.#platform.now();
    this.#ackedAt = this.#attachedAt;
    this.#progress = this.#arrived;
    remember(this.#settings.url, attempt.name);
    const skip = this.#session.rewind(received);
    if (attempt.isTwoWay) this.#poster.stop();
    else this.#poster.start();
    if (attempt.isTwoWay && skip) attempt.send(skip);
    this.#events.onAttached(attempt.name);
    this.pump();
    this.#riseLater(attempt);
  }

  #stopRace() {
    for (const attempt of this.#race?.stop() ?? []) attempt.close();
    this.#race = undefined;
  }

  /** @param {Attempt} attempt that carries it now */
  #riseLater(attempt) {
    if (attempt.name !== this.#settings.transports[0]) this.#timers.set("rise", this.#riseMs, () => this.#rise());
  }

  /** A better one is tried, while this one goes on. */
  #rise() {
    const { transports } = this.#settings;
    if (!this.#current || this.#race) return;
    this.#riseMs = Math.min(2 * this.#riseMs, RISE_MOST_MS);
    this.#try(transports.slice(0, transports.indexOf(this.#current.name)));
  }

  /** Another is tried beside this one. @param {TransportName[]} names */
  #tryBeside(names) {
    if (!this.#race) this.#try(names);
  }

  /** @param {Attempt} attempt @param {number} why */
  #detached(attempt, why) {
    if (attempt !== this.#current) return;
    if (why !== OVER) return this.#lost(why === COME_AGAIN);
    if (attempt.isTwoWay) attempt.send(this.#session.ack());
    else this.#poster.farewell();
    this.#end("over");
  }

  /** @param {Attempt} attempt @param {Ending} ending */
  #ended(attempt, ending) {
    if (this.#isOver) return;
    // What was asked for may have been acknowledged by a POST that was faster.
    const isOld = ending.status === 410 && attempt.askedFor < this.#session.received;
    if (this.#session.id && ending.isLost && !isOld) return this.#gone();
    if (attempt === this.#current) this.#lost(ending.status === 502, ending);
    else this.#race?.ended(attempt, ending);
  }

  /**
   * The server does not know the session any more. It may be over in good order, and the answer that tells so of our
   * last words still on its way.
   */
  #gone() {
    const answer = this.#poster.inFlight;
    if (answer) answer.then(() => this.#end("gone"));
    else this.#end("gone");
  }

  /** What carried it does not any more. @param {boolean} atOnce @param {Ending} [ending] */
  #lost(atOnce, ending) {
    this.#current?.close();
    this.#current = undefined;
    this.#lostAt = this.#platform.now();
    this.#timers.clear("ack");
    this.#timers.clear("rise");
    const hasServed = this.#arrived > this.#progress || this.#lostAt - this.#attachedAt > SERVED_MS;
    if (hasServed) this.#backoff.reset();
    this.#events.onDetached();
    const isTried = this.#race?.isFull(this.#settings.transports.length);
    if (isTried) return;
    this.#stopRace();
    this.#retryIn(this.#delay(atOnce, ending));
  }

  /** None of those tried attaches. @param {Ending[]} endings */
  #failed(endings) {
    this.#race = undefined;
    if (this.#isOver) return;
    if (!this.#session.id) return this.#end("refused");
    if (this.#current) return this.#riseLater(this.#current);
    if (this.#platform.now() - this.#lostAt > 2 * this.#session.keepMs) return this.#end("gone");
    const retryAfterMs = Math.max(0, ...endings.map((ending) => ending.retryAfterMs ?? 0));
    this.#retryIn(
      this.#delay(
        endings.some(({ status }) => status === 502),
        { status: 0, retryAfterMs },
      ),
    );
  }

  /** @param {boolean} atOnce the first time @param {Ending} [ending] */
  #delay(atOnce, ending) {
    const isFirst = this.#backoff.tries === 0;
    const delay = this.#backoff.next();
    return atOnce && isFirst ? 0 : Math.max(delay, ending?.retryAfterMs ?? 0);
  }

  /** @param {number} delay @param {TransportName[]} [names] */
  #retryIn(delay, names) {
    if (this.#race) return;
    this.#timers.set("retry", delay, () => this.#try(names ?? this.#inOrder()));
  }

  /** From time to time. A timer that comes late tells of a page that was frozen, or a machine that slept. */
  #look() {
    const before = Date.now();
    this.#timers.set("look", LOOK_MS, () => {
      const isLate = Date.now() - before > LOOK_MS + LATE_MS;
      const current = this.#current;
      if (current && current.overdueMs > 0) this.#lost(true);
      else if (current && this.#isUnheard()) this.#tryBeside(this.#inOrder());
      else if (isLate) this.probe(false);
      if (!this.#isOver) this.#look();
    });
  }

  /** Whether a WebSocket takes what is sent, and the server says nothing to it. */
  #isUnheard() {
    const isSilent = (this.#current?.silentMs ?? 0) > UNHEARD_MS;
    return this.#current?.isTwoWay && isSilent && !this.#session.replay.isEmpty;
  }

  #posted() {
    this.#current?.nudge();
  }

  #acknowledge() {
    this.#timers.clear("ack");
    this.#ackedAt = this.#platform.now();
    if (this.#session.owes && this.#current?.isTwoWay) this.#current.send(this.#session.ack());
  }

  /** How much has arrived at either end. */
  get #arrived() {
    return this.#session.received + this.#session.replay.acknowledged;
  }

  /** @param {"refused" | "over" | "gone"} how @param {number} [status] */
  #end(how, status) {
    if (this.#isOver) return;
    this.stop();
    this.#events.onOver(how, status);
  }
}

/** Why the server detaches: to come again; the session is over. */
const COME_AGAIN = 2;
const OVER = 3;

/** How old what came may be before a WebSocket acknowledges it. */
const ACK_MS = 1000;

/** A server that has nothing to say says so every 15 s. */
const SUSPECT_MS = 17_000;

/** It acknowledges what a WebSocket sends within a second. */
const UNHEARD_MS = 10_000;

/** An attachment that lasted so long was a good one, even if it had nothing to carry. */
const SERVED_MS = 10_000;

/** When a better transport is tried first, and how seldom in the end. */
const RISE_FIRST_MS = 10_000;
const RISE_MOST_MS = 300_000;

const LOOK_MS = 5000;
const LATE_MS = 5000;

/** How long the last words may take. */
const FINISH_MS = 10_000;
