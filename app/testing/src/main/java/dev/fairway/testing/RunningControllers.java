// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import dev.fairway.controllers.Controllers;
import dev.fairway.controllers.ControllersConfig;
import dev.fairway.net.Prefix;
import dev.fairway.provision.CertificateAuthority.KeyFiles;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.ConfigBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;

/// The controllers and the scheduler, each by its own identity, as in a cluster.
final class RunningControllers implements AutoCloseable {
  private final KubernetesClient controllersClient;
  private final KubernetesClient schedulerClient;
  private final Controllers controllers;

  private RunningControllers(
      KubernetesClient controllersClient,
      KubernetesClient schedulerClient,
      ControllersConfig config) {
    this.controllersClient = controllersClient;
    this.schedulerClient = schedulerClient;
    controllers = Controllers.start(controllersClient, schedulerClient, config);
  }

  static RunningControllers start(String url, ScratchKeys keys) throws IOException {
    return new RunningControllers(
        connect(url, keys, "system:kube-controller-manager"),
        connect(url, keys, "system:kube-scheduler"),
        ControllersConfig.of(List.of(Prefix.parse("10.200.0.0/16")), keys.caCertificateText()));
  }

  private static KubernetesClient connect(String url, ScratchKeys keys, String user)
      throws IOException {
    KeyFiles own = keys.client(user);
    Config config =
        new ConfigBuilder(Config.empty())
            .withMasterUrl(url)
            .withCaCertData(base64(keys.caCertificate()))
            .withClientCertData(base64(own.certificate()))
            .withClientKeyData(base64(own.key()))
            .withClientKeyAlgo("EC")
            .withUserAgent(user)
            .build();
    return new KubernetesClientBuilder().withConfig(config).build();
  }

  private static String base64(Path file) throws IOException {
    return Base64.getEncoder().encodeToString(Files.readAllBytes(file));
  }

  @Override
  public void close() {
    controllers.close();
    controllersClient.close();
    schedulerClient.close();
  }
}
