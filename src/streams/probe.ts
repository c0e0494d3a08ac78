/**
 * Asks a peer that is not read whether it is there. Of one whose bytes wait (a command that takes no input) nothing is heard, its leaving
 * neither: what is written to a connection that is gone breaks it, and that is noticed.
 */
export class Probe {
  readonly #ask: () => void
  readonly #everyMs: number
  #sinceMs: number | null = null
  /** From the first pause on: pauses come and go by the thousand. */
  #timer: NodeJS.Timeout | null = null

  constructor(ask: () => void, everyMs: number) {
    this.#ask = ask
    this.#everyMs = everyMs
  }

  paused(): void {
    this.#sinceMs ??= performance.now()
    this.#timer ??= setInterval(() => this.#look(), this.#everyMs).unref()
  }

  resumed(): void {
    this.#sinceMs = null
  }

  over(): void {
    this.resumed()
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  #look(): void {
    if (this.#sinceMs !== null && performance.now() - this.#sinceMs >= this.#everyMs / 2)
      this.#ask()
  }
}
