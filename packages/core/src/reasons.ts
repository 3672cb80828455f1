/** Why a document could not be fetched or used. */
export type FetchReason =
  | 'dns'
  | 'tls'
  | 'unreachable'
  | 'timeout'
  | `status_${number}`
  | 'unreadable'
  | 'not_json'
  | 'too_large'
  | 'not_a_key_set'
  | 'not_a_key'
  | 'no_usable_key'
  | 'metadata_malformed'
  | 'metadata_issuer_mismatch'
  | 'metadata_jwks_uri'

/** The part of a token, or of a DPoP proof, that is wrong before anything in it is believed. */
export type MalformedPart =
  | 'size'
  | 'segments'
  | 'base64url'
  | 'header'
  | 'header_member'
  | 'type'
  | 'key_id'
  | 'algorithm'
  | 'payload'

type MalformedReason = `malformed_${MalformedPart}`
type TimeReason = 'expired' | 'bad_exp' | 'not_yet_valid' | 'bad_nbf' | 'bad_iat'

/** What is wrong with a DPoP proof. */
export type ProofFault =
  | 'missing'
  | 'duplicate'
  | 'type'
  | 'algorithm'
  | 'signature'
  | 'key'
  | 'jti'
  | 'ath'
  | 'htm'
  | 'htu'
  | 'iat'
  | 'replayed'
  | MalformedReason
  | TimeReason

/** What is wrong with the certificate that a token is bound to. */
export type CertificateFault = 'missing' | 'mismatch' | 'malformed' | 'unproven'

/**
 * Why a request was refused: every reason that these packages give, so that a `switch` is checked. The
 * list is closed; a source, proof or store of your own has reasons that begin with `own_`.
 */
export type RefusalReason =
  | 'no_credential'
  | 'obo_missing'
  | 'gateway_missing'
  | 'headers_incomplete'
  | 'proof_secret'
  | 'proof_certificate'
  | 'header_shape'
  | 'header_unfilled'
  | 'duplicate_header'
  | 'two_spellings'
  | 'token_in_query'
  | 'credential_not_understood'
  | 'resource_unknown'
  | 'resource_organization'
  | 'issuer_unknown'
  | 'issuer'
  | 'issuer_unlisted'
  | 'opaque_token'
  | 'encrypted_token'
  | MalformedReason
  | 'token_type'
  | 'algorithm'
  | 'key_id_missing'
  | 'key_unknown'
  | 'key_algorithm'
  | 'key_issuer'
  | 'signature'
  | 'exp_missing'
  | TimeReason
  | 'iat_missing'
  | 'lifetime'
  | 'audience_missing'
  | 'audience'
  | 'required_claim'
  | 'client'
  | 'client_ambiguous'
  | 'subject'
  | 'bad_jti'
  | 'bad_sid'
  | 'kind_unknown'
  | 'bad_act'
  | 'claims_schema'
  | 'enriched_claim'
  | 'headers_value'
  | 'api_key_malformed'
  | 'api_key_unknown'
  | 'inactive'
  | 'revoked'
  | 'replayed'
  | 'jti_missing'
  | 'gateway_scope_missing'
  | 'sender_constrained'
  | `dpop_${ProofFault}`
  | 'dpop_nonce'
  | `certificate_${CertificateFault}`
  | 'scope_missing'
  | 'binding_same_token'
  | 'binding_roles_swapped'
  | 'binding_client'
  | 'binding_actor'
  | 'binding_tenant'
  | 'keys_unavailable'
  | 'keys_unusable'
  | 'key_unverifiable'
  | 'issuers_unavailable'
  | 'issuers_busy'
  | 'introspection_busy'
  | 'introspection_malformed'
  | 'introspection_failed'
  | `introspection_${FetchReason}`
  | 'api_keys_busy'
  | 'store_unavailable'
  | 'claim_reader_failed'
  | 'claims_schema_failed'
  | 'internal_error'
  // @onbehalf/mcp
  | 'identity_missing'
  | 'session_owner_mismatch'
  | 'token_file_unreadable'
  | 'limit_unavailable'
  | 'server_stopping'
  // @onbehalf/limits
  | 'rate_limited'
  | 'concurrency_limited'
  | 'too_many_failures'
  // @onbehalf/audit
  | 'audit_timeout'
  | 'audit_unavailable'
  // @onbehalf/aws
  | 'malformed_assertion'
  | 'signer'
  | 'key_budget'
  // @onbehalf/testing
  | 'no_bearer_token'
  | LogoutReason
  | `own_${string}`

/** Reasons of back-channel logout: they reach no caller. */
type LogoutReason =
  | 'logout_request'
  | 'logout_type'
  | 'logout_event'
  | 'logout_nonce'
  | 'logout_audience'
  | 'logout_exp'
  | 'logout_iat'
  | 'logout_jti'
  | 'logout_subject'
  | 'logout_replayed'
