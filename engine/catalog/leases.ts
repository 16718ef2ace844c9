// Who looks ids of the catalog up, and whether they are still what they were. While a request that
// began before a drop is under way, the keys of the dropped ids stay where they can be read.

/** Of one request, from its first look-up to its end. */
export interface CatalogLease {
  /** How many drops there were when it began. */
  readonly dropCount: number
  /** Whether every id that was looked up under it is still what it was. */
  isCurrent(): boolean
  end(): void
}

export class Leases {
  private readonly held = new Set<CatalogLease>()
  private drops = 0

  begin(): CatalogLease {
    const lease = {
      dropCount: this.drops,
      isCurrent: () => lease.dropCount === this.drops,
      end: () => void this.held.delete(lease),
    }
    this.held.add(lease)
    return lease
  }

  /** Ids were dropped. */
  noteDrop(): void {
    this.drops++
  }

  /** Did all that are held begin after the last drop? */
  get areCurrent(): boolean {
    return [...this.held].every(({ dropCount }) => dropCount === this.drops)
  }
}
