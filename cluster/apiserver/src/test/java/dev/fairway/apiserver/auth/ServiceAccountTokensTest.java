// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class ServiceAccountTokensTest {
  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
  private static final ServiceAccountTokens.Subject SUBJECT =
      new ServiceAccountTokens.Subject(
          "ns", "app", "uid-1", new ServiceAccountTokens.Bound("pod-a", "uid-2"));

  private static KeyPair key(String algorithm) throws Exception {
    KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
    generator.initialize(algorithm.equals("EC") ? 256 : 2048);
    return generator.generateKeyPair();
  }

  private static ServiceAccountTokens tokens(KeyPair key, Instant now, boolean alive) {
    return new ServiceAccountTokens(
        key.getPrivate(),
        List.of(key.getPublic()),
        "https://issuer",
        (_, _, _, _) -> alive,
        Clock.fixed(now, ZoneOffset.UTC));
  }

  @Test
  void aTokenSpeaksForItsAccount() throws Exception {
    for (String algorithm : List.of("EC", "RSA")) {
      KeyPair key = key(algorithm);
      String token = tokens(key, NOW, true).sign(SUBJECT, List.of(), Duration.ofHours(1)).text();
      Identity who = tokens(key, NOW, true).read(token, List.of()).orElseThrow();
      assertThat(who.user()).isEqualTo("system:serviceaccount:ns:app");
      assertThat(who.groups())
          .containsExactly(
              "system:serviceaccounts", "system:serviceaccounts:ns", "system:authenticated");
      assertThat(tokens(key, NOW.plusSeconds(3600), true).read(token, List.of())).isEmpty();
      assertThat(tokens(key, NOW.minusSeconds(1), true).read(token, List.of())).isEmpty();
      assertThat(tokens(key, NOW, false).read(token, List.of())).isEmpty();
      assertThat(tokens(key, NOW, true).read(token, List.of("other"))).isEmpty();
      assertThat(tokens(key(algorithm), NOW, true).read(token, List.of())).isEmpty();
    }
  }

  @Test
  void nothingForgedIsTaken() throws Exception {
    KeyPair key = key("EC");
    ServiceAccountTokens tokens = tokens(key, NOW, true);
    String token = tokens.sign(SUBJECT, List.of(), Duration.ofHours(1)).text();
    Random random = new Random(3);
    String alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=";
    int signature = token.lastIndexOf('.');
    for (int i = 0; i < 3_000; i++) {
      StringBuilder forged = new StringBuilder(token);
      int at = random.nextInt(signature);
      char with = alphabet.charAt(random.nextInt(alphabet.length()));
      if (forged.charAt(at) == with) {
        continue;
      }
      forged.setCharAt(at, with);
      assertThat(tokens.read(forged.toString(), List.of())).as("%s", forged).isEmpty();
    }
    assertThat(tokens.read("", List.of())).isEmpty();
    assertThat(tokens.read("a.b.c", List.of())).isEmpty();
    assertThat(tokens.read("....", List.of())).isEmpty();
  }
}
