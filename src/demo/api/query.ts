import { ApiError, badRequest } from '../api-error.ts'

/** The query of a request. Of repeated keys the first counts, as Kubernetes has it. */
export class Query {
  readonly #params: URLSearchParams

  constructor(target: string) {
    const at = target.indexOf('?')
    this.#params = new URLSearchParams(at === -1 ? '' : target.slice(at + 1))
  }

  text(name: string): string {
    return this.#params.get(name) ?? ''
  }

  all(name: string): readonly string[] {
    return this.#params.getAll(name)
  }

  has(name: string): boolean {
    return this.#params.has(name)
  }

  /** True unless it is absent, `0` or `false`. */
  flag(name: string): boolean {
    const value = this.#params.get(name)
    return value !== null && value !== '0' && value.toLowerCase() !== 'false'
  }

  /** Null when it is absent. Throws ApiError BadRequest for what is no whole number. */
  number(name: string): number | null {
    const value = this.text(name)
    if (value === '') return null
    const number = Number(value)
    if (!/^-?\d+$/.test(value) || !Number.isSafeInteger(number)) {
      throw badRequest(`${name}: Invalid value: ${JSON.stringify(value.slice(0, 64))}`)
    }
    return number
  }

  /** A revision to read at; null when it is absent. `0` means: any will do. */
  revision(): number | null {
    const value = this.text('resourceVersion')
    if (value === '') return null
    const number = Number(value)
    if (!/^\d+$/.test(value) || !Number.isSafeInteger(number)) {
      throw badRequest(
        `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(value.slice(0, 64))}: strconv.ParseUint: parsing ${JSON.stringify(value.slice(0, 64))}: invalid syntax`,
      )
    }
    return number
  }

  /** Throws ApiError for a dryRun that is none. */
  dryRun(): boolean {
    const values = this.all('dryRun')
    if (values.length === 0) return false
    for (const value of values) {
      if (value !== 'All') {
        throw new ApiError(
          'Invalid',
          `CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ${JSON.stringify(value.slice(0, 64))}: supported values: "All"`,
        )
      }
    }
    return true
  }
}
