import type { Player } from 'asciinema-player'
import { type JSX, type Ref, useEffect, useImperativeHandle, useRef, useState } from 'react'

export interface StageHandle {
  /** Goes to a time of the player, in milliseconds. */
  seek(ms: number): void
}

/** From there on it plays: a player that was never started hides its screen behind a large button. */
async function goTo(player: Player | null, ms: number): Promise<void> {
  await player?.play()
  await player?.seek(ms / 1000)
}

/** The keys are the player's, unless somebody went elsewhere with them meanwhile. */
function takeKeys(place: HTMLElement): void {
  if (document.activeElement !== document.body) return
  place.querySelector<HTMLElement>('.ap-term-text')?.focus({ preventScroll: true })
}

/** The player in its frame. It is dark whatever the rest is: so are the terminals that programs choose colours for. */
export function Stage({
  text,
  ref,
}: {
  readonly text: string
  readonly ref: Ref<StageHandle>
}): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const player = useRef<Player>(null)
  const [failed, setFailed] = useState(false)
  useEffect(() => {
    let isGone = false
    const show = async (): Promise<void> => {
      const { createPlayer } = await import('../player.ts')
      if (isGone || place.current === null) return
      player.current = createPlayer(text, place.current)
      takeKeys(place.current)
    }
    show().catch(() => setFailed(true))
    return () => {
      isGone = true
      player.current?.dispose()
      player.current = null
    }
  }, [text])
  useImperativeHandle(ref, () => ({
    seek(ms) {
      void goTo(player.current, ms)
      place.current?.scrollIntoView({ block: 'nearest' })
    },
  }))
  return (
    <section aria-label="Player" className="flex flex-col gap-2">
      <div
        ref={place}
        className="min-h-40 overflow-hidden rounded-2xl border border-line bg-stage shadow-sm"
      />
      {failed ? (
        <p role="alert" className="text-sm/6 text-bad">
          The player could not be started. Try another browser, or play it in a terminal.
        </p>
      ) : (
        <p className="text-sm/6 text-soft">
          Space plays and pauses, the arrow keys go 5 seconds back and forward, [ and ] go from
          marker to marker. Pauses are three seconds long at most.
        </p>
      )}
    </section>
  )
}
