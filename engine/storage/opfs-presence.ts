// Whether the files of an open database are still in the origin's file system. Users, and a browser that
// runs short of room, clear the data of a site at any time; handles that are open then go on as if nothing
// had happened, on files that no name leads to. So the folder is looked at beside the syncs, once a second
// at most, and from then on that nothing is durable any more is said by name.

import { OmenError } from '../error.ts'
import { type OpfsDirectory, exceptionName } from './opfs-handle.ts'

/** Pause between two looks. */
const LOOK_MS = 1_000

export class Presence {
  private readonly location: string
  private readonly directory: OpfsDirectory
  private readonly file: string
  private readonly sleep: (delayMs: number) => Promise<void>
  private isLooking = false
  private isLost = false

  /** `file` of `directory` is always there as long as the database at `location` is. */
  constructor(
    location: string,
    { directory, file }: { readonly directory: OpfsDirectory; readonly file: string },
    sleep: (delayMs: number) => Promise<void>,
  ) {
    this.location = location
    this.directory = directory
    this.file = file
    this.sleep = sleep
  }

  /** Looks, beside what goes on, unless it did so just now. */
  look(): void {
    if (this.isLooking || this.isLost) return
    this.isLooking = true
    const looked = this.find().then((isLost) => (isLost ? undefined : this.sleep(LOOK_MS)))
    void looked.catch(() => {}).finally(() => (this.isLooking = false))
  }

  /** Looks now: true if the files are missing. Chromium never returns from closing a handle of one. */
  async find(): Promise<boolean> {
    try {
      if (!this.isLost) await this.directory.getFileHandle(this.file)
    } catch (error) {
      // Whatever else a browser says is not about the files.
      this.isLost = exceptionName(error) === 'NotFoundError'
    }
    return this.isLost
  }

  /** Throws `unavailable` once the files have been found missing. */
  check(): void {
    if (!this.isLost) return
    const advice =
      'what it held is no longer on disk: export what is needed, close it, open it again'
    const message = `${this.location}: the data of this site was cleared while it was open; ${advice}`
    throw new OmenError('unavailable', message)
  }
}
