// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.pools;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.NonDeletingOperation;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/// What an API server has to know before there can be pools: their kinds, and that nodes may write
/// blocks and events.
public final class AddressObjects {
  private static final String RESOURCE = "address-pools.yaml";

  private AddressObjects() {}

  /// As YAML for `kubectl apply -f -`.
  public static String yaml() {
    try (InputStream in = open()) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Creates them, or brings them up to date.
  public static void install(KubernetesClient client) {
    try (InputStream in = open()) {
      for (HasMetadata object : client.load(in).items()) {
        client.resource(object).createOr(NonDeletingOperation::update);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static InputStream open() {
    InputStream in = AddressObjects.class.getResourceAsStream(RESOURCE);
    if (in == null) {
      throw new IllegalStateException("resource " + RESOURCE + " is missing");
    }
    return in;
  }
}
