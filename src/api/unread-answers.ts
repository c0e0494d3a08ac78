import type { Server, ServerResponse } from 'node:http'

/**
 * Lets `closeIdleConnections` of an HTTP/1.1 server close nothing while somebody still reads an answer. Node takes a connection for idle as soon as
 * its answer was ended, and throws away what its client has not read yet.
 */
export function keepUnreadAnswers(server: Server): void {
  const answers = new Set<ServerResponse>()
  const note = (_request: unknown, response: ServerResponse): void => {
    answers.add(response)
    response.once('close', () => answers.delete(response))
  }
  server.on('request', note)
  server.on('checkExpectation', note)
  const closeIdle = server.closeIdleConnections.bind(server)
  server.closeIdleConnections = () => {
    const isRead = ({ writableEnded, writableFinished }: ServerResponse): boolean =>
      !writableEnded || writableFinished
    if ([...answers].every(isRead)) closeIdle()
  }
}
