import type { ViteUserConfig } from 'vitest/config'

const config: ViteUserConfig = {
  test: {
    reporters: ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**'],
          testTimeout: 20_000,
          // A process that is started on a busy machine needs some seconds.
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/apiserver/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // An API server, etcd and Waypost have deadlines, and a machine that does other work can miss one.
          retry: 1,
          fileParallelism: false,
        },
      },
    ],
  },
}

export default config
