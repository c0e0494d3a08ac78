import { RecordingError, type RecordingErrorCode } from '../../recordings/index.ts'
import { ApiError, type ApiErrorCode } from '../errors.ts'

const CODES: Readonly<Record<RecordingErrorCode, ApiErrorCode>> = {
  RECORDING_UNKNOWN: 'NOT_FOUND',
  RECORDING_CONFLICT: 'CONFLICT',
  RECORDING_CORRUPT: 'RECORDING_CORRUPT',
  RECORDING_UNREADABLE: 'RECORDING_UNREADABLE',
  RECORDING_NO_ROOM: 'RECORDING_NO_ROOM',
  RECORDING_CURSOR: 'BAD_REQUEST',
}

/** Rejects as the work does, with what the store refuses in the API's codes. */
export async function explained<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof RecordingError)) throw error
    const words = error.code === 'RECORDING_CURSOR' ? `after: ${error.message}` : error.message
    throw new ApiError(CODES[error.code], words, { cause: error })
  }
}
