// SPDX-License-Identifier: Apache-2.0
package dev.fairway.store;

import java.net.URI;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Which etcd to use, and how much history to keep.
///
/// @param endpoints of the members, such as `https://10.240.0.10:2379`, at least one
/// @param tls for `https` endpoints; null for `http`, which only loopback should be
/// @param keyPrefix only keys that start so are ours; others may live beside them
/// @param historyRevisions how many of the newest revisions stay readable, at least 1
/// @param historyBytes how many bytes their values may take, at least 1
/// @param transformer between values and what is in etcd
public record EtcdConfig(
    List<URI> endpoints,
    @Nullable Tls tls,
    String keyPrefix,
    int historyRevisions,
    long historyBytes,
    Transformer transformer) {
  /// Who both sides are, in PEM files.
  ///
  /// @param authority whose certificates the members must have
  /// @param certificate of this client
  /// @param key of this client, PKCS #8
  public record Tls(Path authority, Path certificate, Path key) {}

  public EtcdConfig {
    endpoints = List.copyOf(endpoints);
    if (endpoints.isEmpty()) {
      throw new IllegalArgumentException("etcd needs at least one endpoint");
    }
    for (URI endpoint : endpoints) {
      String scheme = tls == null ? "http" : "https";
      if (!scheme.equals(endpoint.getScheme()) || endpoint.getHost() == null) {
        throw new IllegalArgumentException(
            "etcd endpoint " + endpoint + ": must be " + scheme + "://HOST:PORT");
      }
    }
    if (historyRevisions < 1 || historyBytes < 1) {
      throw new IllegalArgumentException("history must hold at least one revision and one byte");
    }
  }

  /// Upstream's key layout, with the usual history: 20,000 revisions, 64 MiB.
  public static EtcdConfig of(List<URI> endpoints, @Nullable Tls tls) {
    return new EtcdConfig(endpoints, tls, "/registry/", 20_000, 64L << 20, Transformer.NONE);
  }

  /// The same etcd with another transformer.
  public EtcdConfig with(Transformer transformer) {
    return new EtcdConfig(endpoints, tls, keyPrefix, historyRevisions, historyBytes, transformer);
  }
}
