// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Bearer tokens that are known from the start, as upstream's `--token-auth-file` gives them. Kept
/// as digests, compared in a time that tells nothing.
public final class StaticTokens {
  private record Known(byte[] digest, Identity identity) {}

  private final List<Known> known;

  private StaticTokens(List<Known> known) {
    this.known = List.copyOf(known);
  }

  public static StaticTokens none() {
    return new StaticTokens(List.of());
  }

  /// Knows these tokens and no others.
  ///
  /// @param users whose token each is; `system:authenticated` is added to their groups
  public static StaticTokens of(Map<String, Identity> users) {
    List<Known> known = new ArrayList<>();
    users.forEach((token, user) -> {
      if (token.length() < 16) {
        throw new IllegalArgumentException("the token of " + user.user() + " is too short");
      }
      List<String> groups = new ArrayList<>(user.groups());
      groups.add(Identity.AUTHENTICATED);
      known.add(
          new Known(digest(token), new Identity(user.user(), user.uid(), groups, user.extra())));
    });
    return new StaticTokens(known);
  }

  Optional<Identity> read(String token) {
    if (known.isEmpty()) {
      return Optional.empty();
    }
    byte[] digest = digest(token);
    Identity found = null;
    for (Known one : known) {
      if (MessageDigest.isEqual(one.digest(), digest)) {
        found = one.identity();
      }
    }
    return Optional.ofNullable(found);
  }

  private static byte[] digest(String token) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(token.getBytes(UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java has SHA-256", e);
    }
  }
}
