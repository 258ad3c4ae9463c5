// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.auth;

import dev.fairway.apimachinery.Trees;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/// Signs and reads service-account tokens: JWTs (RFC 7519), ES256 or RS256 by the kind of key.
///
/// A token names its service account and, if it was asked for a pod, the pod; [Existence] tells
/// whether those still live, so a token dies with them.
public final class ServiceAccountTokens {
  private static final int MAX_TOKEN_CHARS = 16 << 10;
  private static final int MAX_KNOWN = 2048;
  private static final Base64.Encoder ENCODER = Base64.getUrlEncoder().withoutPadding();
  private static final Base64.Decoder DECODER = Base64.getUrlDecoder();

  private final PrivateKey signingKey;
  private final List<PublicKey> publicKeys;
  private final String issuer;
  private final Existence existence;
  private final Clock clock;
  // Signatures already checked. A token is looked up by its whole text.
  private final Map<String, Claims> known =
      new LinkedHashMap<>(64, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Claims> eldest) {
          return size() > MAX_KNOWN;
        }
      };

  /// Whether an object of this name and uid is there.
  public interface Existence {
    boolean exists(String kind, String namespace, String name, String uid);
  }

  /// What a token is for.
  ///
  /// @param pod the pod it is bound to
  public record Subject(String namespace, String serviceAccount, String uid, @Nullable Bound pod) {
    String user() {
      return Identity.SERVICE_ACCOUNT_PREFIX + namespace + ":" + serviceAccount;
    }
  }

  /// A bound object.
  public record Bound(String name, String uid) {}

  /// A signed token and when it ends.
  public record Token(String text, Instant expiration) {}

  record Claims(
      Subject subject, List<String> audiences, Instant notBefore, Instant expiration, String id) {}

  public ServiceAccountTokens(
      PrivateKey signingKey,
      List<PublicKey> publicKeys,
      String issuer,
      Existence existence,
      Clock clock) {
    this.signingKey = signingKey;
    this.publicKeys = List.copyOf(publicKeys);
    this.issuer = issuer;
    this.existence = existence;
    this.clock = clock;
  }

  public String issuer() {
    return issuer;
  }

  /// Makes a token.
  ///
  /// @param audiences whom it is for; empty means this API
  public Token sign(Subject subject, List<String> audiences, Duration lifetime) {
    Instant now = Instant.ofEpochSecond(clock.instant().getEpochSecond());
    Instant expiration = now.plus(lifetime);
    ObjectNode claims = Trees.object();
    ArrayNode aud = claims.putArray("aud");
    (audiences.isEmpty() ? List.of(issuer) : audiences).forEach(aud::add);
    claims.put("exp", expiration.getEpochSecond());
    claims.put("iat", now.getEpochSecond());
    claims.put("iss", issuer);
    claims.put("jti", UUID.randomUUID().toString());
    ObjectNode place = claims.putObject("kubernetes.io");
    place.put("namespace", subject.namespace());
    if (subject.pod() != null) {
      place.putObject("pod").put("name", subject.pod().name()).put("uid", subject.pod().uid());
    }
    place
        .putObject("serviceaccount")
        .put("name", subject.serviceAccount())
        .put("uid", subject.uid());
    claims.put("nbf", now.getEpochSecond());
    claims.put("sub", subject.user());
    ObjectNode head = Trees.object();
    head.put("alg", ecdsa(signingKey.getAlgorithm()) ? "ES256" : "RS256").put("typ", "JWT");
    String signed =
        ENCODER.encodeToString(Trees.write(head))
            + "."
            + ENCODER.encodeToString(Trees.write(claims));
    try {
      Signature signature = Signature.getInstance(algorithm(signingKey.getAlgorithm()));
      signature.initSign(signingKey);
      signature.update(signed.getBytes(StandardCharsets.US_ASCII));
      return new Token(signed + "." + ENCODER.encodeToString(signature.sign()), expiration);
    } catch (GeneralSecurityException broken) {
      throw new IllegalStateException("the service-account key cannot sign", broken);
    }
  }

  /// Who a token speaks for, if it is genuine, in time, meant for one of the audiences (empty: this
  /// API), and its service account and pod still exist.
  public Optional<Identity> read(String token, List<String> audiences) {
    Optional<Claims> claims = claims(token);
    if (claims.isEmpty()) {
      return Optional.empty();
    }
    Claims found = claims.get();
    Instant now = clock.instant();
    List<String> wanted = audiences.isEmpty() ? List.of(issuer) : audiences;
    if (now.isBefore(found.notBefore())
        || !now.isBefore(found.expiration())
        || wanted.stream().noneMatch(found.audiences()::contains)
        || !alive(found.subject())) {
      return Optional.empty();
    }
    Subject subject = found.subject();
    Map<String, List<String>> extra = new LinkedHashMap<>();
    extra.put("authentication.kubernetes.io/credential-id", List.of("JTI=" + found.id()));
    if (subject.pod() != null) {
      extra.put("authentication.kubernetes.io/pod-name", List.of(subject.pod().name()));
      extra.put("authentication.kubernetes.io/pod-uid", List.of(subject.pod().uid()));
    }
    return Optional.of(
        new Identity(
            subject.user(),
            subject.uid(),
            List.of(
                Identity.SERVICE_ACCOUNTS,
                Identity.SERVICE_ACCOUNTS + ":" + subject.namespace(),
                Identity.AUTHENTICATED),
            extra));
  }

  private boolean alive(Subject subject) {
    Bound pod = subject.pod();
    return existence.exists(
            "ServiceAccount", subject.namespace(), subject.serviceAccount(), subject.uid())
        && (pod == null || existence.exists("Pod", subject.namespace(), pod.name(), pod.uid()));
  }

  private Optional<Claims> claims(String token) {
    if (token.length() > MAX_TOKEN_CHARS) {
      return Optional.empty();
    }
    synchronized (known) {
      Claims seen = known.get(token);
      if (seen != null) {
        return Optional.of(seen);
      }
    }
    Optional<Claims> parsed = parse(token);
    parsed.ifPresent(claims -> {
      synchronized (known) {
        known.put(token, claims);
      }
    });
    return parsed;
  }

  private Optional<Claims> parse(String token) {
    int first = token.indexOf('.');
    int second = token.indexOf('.', first + 1);
    if (first <= 0 || second < 0 || token.indexOf('.', second + 1) >= 0) {
      return Optional.empty();
    }
    try {
      byte[] signature = DECODER.decode(token.substring(second + 1));
      String alg = Trees.text(Trees.read(DECODER.decode(token.substring(0, first))), "alg");
      byte[] signed = token.substring(0, second).getBytes(StandardCharsets.US_ASCII);
      if (!genuine(alg, signed, signature)) {
        return Optional.empty();
      }
      JsonNode claims = Trees.read(DECODER.decode(token.substring(first + 1, second)));
      if (!Trees.text(claims, "iss").equals(issuer)) {
        return Optional.empty();
      }
      JsonNode pod = Trees.at(claims, "kubernetes.io", "pod");
      Subject subject =
          new Subject(
              Trees.text(claims, "kubernetes.io", "namespace"),
              Trees.text(claims, "kubernetes.io", "serviceaccount", "name"),
              Trees.text(claims, "kubernetes.io", "serviceaccount", "uid"),
              pod == null ? null : new Bound(Trees.text(pod, "name"), Trees.text(pod, "uid")));
      if (!subject.user().equals(Trees.text(claims, "sub"))) {
        return Optional.empty();
      }
      List<String> audiences = claims.path("aud").valueStream().map(JsonNode::asString).toList();
      return Optional.of(
          new Claims(
              subject,
              audiences,
              Instant.ofEpochSecond(claims.path("nbf").asLong()),
              Instant.ofEpochSecond(claims.path("exp").asLong()),
              Trees.text(claims, "jti")));
    } catch (IllegalArgumentException
        | JacksonException
        | java.time.DateTimeException
        | dev.fairway.apimachinery.StatusException _) {
      return Optional.empty();
    }
  }

  private boolean genuine(String alg, byte[] signed, byte[] signature) {
    for (PublicKey key : publicKeys) {
      if (!alg.equals(ecdsa(key.getAlgorithm()) ? "ES256" : "RS256")) {
        continue;
      }
      try {
        Signature check = Signature.getInstance(algorithm(key.getAlgorithm()));
        check.initVerify(key);
        check.update(signed);
        if (check.verify(signature)) {
          return true;
        }
      } catch (GeneralSecurityException _) {
        // Not signed by this key; another may fit.
      }
    }
    return false;
  }

  private static boolean ecdsa(String keyAlgorithm) {
    return keyAlgorithm.equals("EC");
  }

  private static String algorithm(String keyAlgorithm) {
    return ecdsa(keyAlgorithm) ? "SHA256withECDSAinP1363Format" : "SHA256withRSA";
  }
}
