/**
 * `Promise.all` that fails only when all have ended: what succeeded can then be undone, and nothing goes on behind the
 * caller's back.
 */
export async function wholly<const T extends readonly Promise<unknown>[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work)
  return await Promise.all(work)
}
