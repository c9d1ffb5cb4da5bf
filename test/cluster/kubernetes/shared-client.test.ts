import { describe, expect, it, vi } from 'vitest'
import type { KubernetesClient } from '#src/cluster/kubernetes/client.ts'
import { SharedClient } from '#src/cluster/kubernetes/shared-client.ts'

function fakeClient(): KubernetesClient & { closed: number } {
  const none = (): never => {
    throw new Error('not asked')
  }
  const client = {
    namespace: 'default',
    closed: 0,
    request: none,
    stream: none,
    close: () => {
      client.closed++
      return Promise.resolve()
    },
  }
  return client
}

describe('the client that is shared', () => {
  it('is opened once for all who ask, and closed with the last word', async () => {
    const client = fakeClient()
    const open = vi.fn(() => Promise.resolve(client))
    const shared = new SharedClient(open)
    expect(await Promise.all([shared.get(), shared.get()])).toEqual([client, client])
    expect(open).toHaveBeenCalledTimes(1)
    await shared.close()
    expect(client.closed).toBe(1)
  })

  it('fails for all who ask, and is opened again after a while', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const client = fakeClient()
      const open = vi.fn<() => Promise<KubernetesClient>>(() => Promise.reject(new Error('no file')))
      const shared = new SharedClient(open)
      for (let i = 0; i < 3; i++) await expect(shared.get()).rejects.toThrow('no file')
      expect(open).toHaveBeenCalledTimes(1)
      open.mockImplementation(() => Promise.resolve(client))
      vi.advanceTimersByTime(5_001)
      expect(await shared.get()).toBe(client)
      expect(await shared.get()).toBe(client)
      expect(open).toHaveBeenCalledTimes(2)
    } finally {
      vi.useRealTimers()
    }
  })
})
