// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver;

import dev.fairway.apiserver.auth.StaticTokens;
import dev.fairway.net.IpAddress;
import dev.fairway.net.Prefix;
import dev.fairway.store.Store;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.util.List;

/// Everything the API server is told.
///
/// @param bind where to listen; port 0 for any
/// @param advertiseAddress what the `kubernetes` Service leads to
/// @param servingCertificate PEM, with the chain
/// @param servingKey PEM, PKCS#8, as all keys here
/// @param clientCa who vouches for client certificates
/// @param serviceAccountKey signs tokens
/// @param serviceAccountPublicKeys PEM public keys or certificates; a token signed by any is
///   genuine
/// @param serviceAccountIssuer a URL, also the audience of tokens for this API
/// @param kubeletClientCertificate what the API server shows to kubelets
/// @param kubeletCa who vouches for kubelets
/// @param serviceRanges Service addresses, one range a family, the primary one first
/// @param staticTokens of callers who need neither certificate nor service account
/// @param store not closed by the API server
public record ApiServerConfig(
    InetSocketAddress bind,
    IpAddress advertiseAddress,
    Path servingCertificate,
    Path servingKey,
    Path clientCa,
    Path serviceAccountKey,
    List<Path> serviceAccountPublicKeys,
    String serviceAccountIssuer,
    Path kubeletClientCertificate,
    Path kubeletClientKey,
    Path kubeletCa,
    List<Prefix> serviceRanges,
    int firstNodePort,
    int lastNodePort,
    String clusterDomain,
    StaticTokens staticTokens,
    Store store) {
  public ApiServerConfig {
    serviceAccountPublicKeys = List.copyOf(serviceAccountPublicKeys);
    serviceRanges = List.copyOf(serviceRanges);
    if (serviceRanges.isEmpty()) {
      throw new IllegalArgumentException("serviceRanges: at least one is needed");
    }
    if (firstNodePort < 1 || lastNodePort > 65535 || firstNodePort > lastNodePort) {
      throw new IllegalArgumentException(
          "node ports " + firstNodePort + "-" + lastNodePort + ": not a range within 1-65535");
    }
  }

  /// A server that knows no static tokens.
  public ApiServerConfig(
      InetSocketAddress bind,
      IpAddress advertiseAddress,
      Path servingCertificate,
      Path servingKey,
      Path clientCa,
      Path serviceAccountKey,
      List<Path> serviceAccountPublicKeys,
      String serviceAccountIssuer,
      Path kubeletClientCertificate,
      Path kubeletClientKey,
      Path kubeletCa,
      List<Prefix> serviceRanges,
      int firstNodePort,
      int lastNodePort,
      String clusterDomain,
      Store store) {
    this(
        bind,
        advertiseAddress,
        servingCertificate,
        servingKey,
        clientCa,
        serviceAccountKey,
        serviceAccountPublicKeys,
        serviceAccountIssuer,
        kubeletClientCertificate,
        kubeletClientKey,
        kubeletCa,
        serviceRanges,
        firstNodePort,
        lastNodePort,
        clusterDomain,
        StaticTokens.none(),
        store);
  }
}
