export declare const FLAGS: readonly string[]
export declare function leanEnvironment(): NodeJS.ProcessEnv
