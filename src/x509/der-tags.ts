/** The tags of DER that certificates use (ITU-T X.690; RFC 5280, appendix A). */
export const derTag = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  /** `[0] EXPLICIT`: the version. */
  version: 0xa0,
  /** `[3] EXPLICIT`: the extensions. */
  extensions: 0xa3,
  /** `[0] IMPLICIT` of an authority key identifier. */
  keyIdentifier: 0x80,
  /** `[2]` and `[7] IMPLICIT` of a general name. */
  dnsName: 0x82,
  ipAddress: 0x87,
} as const
