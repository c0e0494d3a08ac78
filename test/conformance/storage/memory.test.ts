import { openMemoryBackend } from '../../../src/storage/index.ts'
import { describeBackend } from './describe-backend.ts'

describeBackend('memory', async (clock) => openMemoryBackend({ clock }))
