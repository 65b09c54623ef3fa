/**
 * Runs something at the end of this turn of the event loop: behind everything that follows from what runs now. A
 * timer would do so too, but late, and very late in a hidden page.
 */
export class Turn {
  #run;
  /** @type {MessageChannel | undefined} */
  #channel;
  /** Whether it will run. */
  isAsked = false;

  /** @param {() => void} run */
  constructor(run) {
    this.#run = run;
  }

  ask() {
    if (this.isAsked) return;
    this.isAsked = true;
    this.#channel ??= this.#open();
    this.#channel.port2.postMessage(null);
  }

  /** Where the runtime waits for open ports before it ends, it need not wait for this one. */
  stop() {
    this.#channel?.port1.close();
    this.#channel = undefined;
  }

  #open() {
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      this.isAsked = false;
      this.#run();
    };
    return channel;
  }
}
