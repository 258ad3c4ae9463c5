// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

/// Says whether a caller may do a thing.
public interface Authorizer {
  boolean allows(Identity identity, Access access);
}
