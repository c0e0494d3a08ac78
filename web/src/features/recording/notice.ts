import type { RecordingView } from './api.ts'

/** What whoever looks has to know before he believes what he sees; null when it is all there. */
export function noticeOf({ recording, shortened }: RecordingView): string | null {
  switch (recording.state) {
    case 'cut':
      return 'The end of this session is missing: the service that recorded it stopped amid it.'
    case 'incomplete':
      return 'This recording is not complete: the service that records it has not been heard of for a while, and more may come.'
    case 'live':
      return 'This session goes on. You see it up to the moment when you opened this page.'
    case 'complete':
      return shortened
        ? `This recording is too long for a page, and you see its beginning. All of it: tsh play ${recording.session_id}`
        : null
  }
}
