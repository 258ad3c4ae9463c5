// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import java.security.cert.X509Certificate;
import java.util.Optional;

/// Tells who is known, before a request's body is taken in. Called on an event loop: it must not
/// block.
public interface Doorkeeper {
  /// True if these are the credentials of somebody.
  ///
  /// @param authorization the header's value
  /// @param certificate the client's, already proven to come from the client CA
  boolean knows(Optional<String> authorization, Optional<X509Certificate> certificate);
}
