import { MAX_HELD_SEQUENCE_CHARS, MAX_STEPS, STEPS_BURST, STEPS_PER_CHAR } from './limits.ts'

/** C0 without what ends a sequence (CAN, SUB, ESC), and DEL: a terminal does them within a sequence, and goes on with it. */
const WITHIN = '\\u0000-\\u0017\\u0019\\u001c-\\u001f\\u007f'
const BEGIN = `(?:\\u001b[${WITHIN}]*\\[|\\u009b)`
const PARAMETERS = `[0-?${WITHIN}]*`
/** CHT, IL, DL, SU, SD, CBT, REP: a terminal repeats these as often as the sequence says. */
const STEPWISE = new RegExp(`${BEGIN}(${PARAMETERS})[ILMSTZb]`, 'g')
/** A sequence whose rest comes with what follows. */
const OPEN = new RegExp(`(?:\\u001b[${WITHIN}]*|${BEGIN}${PARAMETERS})$`)
const NOT_DIGITS = new RegExp(`[${WITHIN}]`, 'g')

/**
 * What a terminal is given, without sequences that only take its time: a hundred kilobytes of them stop a page for minutes, which is a way to
 * keep others from watching. Programs want to scroll or to repeat by some screens at most.
 */
export class FewerSteps {
  #held = ''
  #left = STEPS_BURST

  /** What is due of it; a sequence that is not whole comes with the rest of it. */
  write(text: string): string {
    this.#left = Math.min(STEPS_BURST, this.#left + text.length * STEPS_PER_CHAR)
    const all = this.#held + text
    const open = OPEN.exec(all)?.[0] ?? ''
    this.#held = open.length > MAX_HELD_SEQUENCE_CHARS ? '' : open
    return all
      .slice(0, all.length - open.length)
      .replace(STEPWISE, (sequence, parameters: string) =>
        this.#takes(parameters) ? sequence : '',
      )
  }

  #takes(parameters: string): boolean {
    const steps = Number.parseInt(parameters.replaceAll(NOT_DIGITS, ''), 10) || 1
    if (steps > MAX_STEPS || steps > this.#left) return false
    this.#left -= steps
    return true
  }
}
