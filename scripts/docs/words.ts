/** A wording that our texts avoid, and what to write in its place. */
export interface BannedWord {
  /** Matches without regard to case; a space in it matches a line break too. */
  readonly pattern: RegExp
  readonly write: string
}

/** What no prose says: not in Markdown, comments, texts of the code, or names of tests. */
export const bannedProse: readonly BannedWord[] = [
  { pattern: /\bwhoever\b/, write: 'anyone who, or the name of that party' },
  { pattern: /\b(?:some|any)body\b/, write: 'someone, anyone, another caller' },
  { pattern: /\banew\b/, write: 'again' },
  { pattern: /\bmend(?:s|ed|ing)?\b/, write: 'fix' },
  { pattern: /\bas ever\b/, write: 'as before, still' },
  { pattern: /\bhears? (?:of|about)\b/, write: 'is notified of, receives' },
  { pattern: /\btold\b/, write: 'is notified, receives, is given' },
  { pattern: /\btells? (?:of|nothing|the rest|the operator)\b/, write: 'reports, describes' },
  { pattern: /\b(?:tell|tells|telling)(?: [\w'`]+){1,4} apart\b/, write: 'distinguish' },
  { pattern: /\bof (?:the user's(?! \w)|yours\b|theirs\b)/, write: "the user's, your, their" },
  {
    pattern:
      /\bof (?:its|their|your|our|my|one's) own(?=[^ \w]| (?:and|or|for|to|in|after|that|which)\b)/,
    write: 'its own, separate',
  },
  { pattern: /\bstands\b|\bstood\b/, write: 'is, is in, is written' },
  {
    pattern: /\bstand (?:in|for|there|behind|beside|between|before|in front)\b/,
    write: 'be, be in, replace',
  },
  { pattern: /\b(?:go|goes|going|went|gone) on\b/, write: 'continue' },
  {
    pattern: /(?<!\bthere )\b(?:is|are|was|were) no (?!longer\b|more\b|less\b|other\b)\w/,
    write: 'is not a',
  },
  { pattern: /\b(?:his|him|himself|hers|herself)\b/, write: 'their, them, themselves' },
  { pattern: /\bholds? (?:[\w'`]+ ){1,6}against\b/, write: 'compare with' },
  { pattern: /\b(?:where|there|here)(?:with|of|in|upon|by)\b(?!-)/, write: 'with it, of it' },
  { pattern: /\bwhence\b|\bhereby\b/, write: 'from where' },
  { pattern: /\bto its depth\b/, write: 'deeply' },
  { pattern: /\bgets? (?:a )?hold of\b|\bgot hold of\b/, write: 'obtain' },
  { pattern: /\bpersons\b/, write: 'users' },
]

/** What no heading begins with. */
export const bannedHeadings: readonly BannedWord[] = [
  { pattern: /^(?:tell|mind|whom|whose|that)\b/, write: 'the name of a task or a thing' },
]

/** Two kinds of subject have one word each; `machine token` is the field's term for that token. */
export const bannedSubjects: readonly BannedWord[] = [
  { pattern: /person(?!al)/, write: 'user' },
  {
    // Behind a quote or a hyphen it is the name of a resource.
    pattern: /(?<!['-])\bmachines?\b(?!-readable|-only| tokens?\b)/,
    write: 'service, or host for a computer',
  },
]

/** Public names that gave way to better ones. */
export const retiredNames: readonly BannedWord[] = [
  { pattern: /\bforwarded\(\{[^}]*\bvia\b/, write: 'gateway' },
  { pattern: /\bvouched\b/, write: "'trust-gateway'" },
  { pattern: /\basserted\b/, write: 'plainHeaders' },
  { pattern: /\bassertion_[a-z]+\b/, write: 'headers_...' },
  { pattern: /\bissuer\(\{ issuer:/, write: 'issuer({ iss })' },
  { pattern: /\benriched\(\{[^}]*\bclaim:/, write: 'userClaim' },
  { pattern: /\bguarded\([^()]*(?:\([^()]*\))?[^()]*\)\(/, write: 'guarded(guard, handler)' },
  { pattern: /\brevoke\(\{ (?:jti|session)\b/, write: 'tokenId, sessionId' },
  { pattern: /\b(?:userOptional|listToGateway)\b/, write: 'gatewayMayList, on the source' },
  { pattern: /\bPersonClaimMap\b/, write: 'UserClaimMap' },
  { pattern: /\bperson_required\b/, write: 'user_required' },
  { pattern: /\bnot_a_person\b/, write: 'not_a_user' },
  { pattern: /--person\b/, write: '--user' },
  { pattern: /\bprotectHandler\b/, write: 'protectedHandler' },
  { pattern: /\bprotectStdio\b/, write: 'protectedStdio' },
  { pattern: /\bidentifyTransport\b/, write: 'protectedStdio, or protect with an authenticator' },
  { pattern: /\bownEvents\b/, write: 'nothing: a protected server does it' },
  { pattern: /\bonDecision\b/, write: 'onEvent' },
  { pattern: /@onbehalf\/mcp\/current-identity\b/, write: '@onbehalf/mcp, trackIdentity' },
]
