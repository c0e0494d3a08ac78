import { fileURLToPath } from 'node:url'
import { errorCode, errorMessage, type Logger } from '../core/index.ts'
import { loadWebAssets, type WebAssets } from './web-assets.ts'

/** Where `npm run build:web` leaves the pages. */
const WEB_DIRECTORY = fileURLToPath(new URL('../../web/dist', import.meta.url))

/** The built pages. A proxy without them serves everything else, so what is wrong with them ends nothing. */
export async function loadPages(log: Logger): Promise<WebAssets | null> {
  try {
    return await loadWebAssets(WEB_DIRECTORY)
  } catch (error) {
    log.warn({ code: errorCode(error), reason: errorMessage(error) }, 'there are no web pages')
    return null
  }
}
