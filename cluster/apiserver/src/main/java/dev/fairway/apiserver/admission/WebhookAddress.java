// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.admission;

import dev.fairway.apimachinery.Trees;
import dev.fairway.apiserver.registry.Lookup;
import dev.fairway.apiserver.streaming.SecurePost;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/// Where a webhook is, and who vouches for it: a `clientConfig`. A Service is reached by one of its
/// ready endpoints, as the API server's own machine need not know Service addresses.
final class WebhookAddress {
  private static final int HTTPS = 443;
  private static final String SERVICE_LABEL = "kubernetes.io/service-name";

  private final JsonNode config;
  private @Nullable SSLContext tls;

  private WebhookAddress(JsonNode config) {
    this.config = config;
  }

  static WebhookAddress of(JsonNode config) {
    return new WebhookAddress(config);
  }

  /// As errors name it.
  String shown(Duration timeout) {
    JsonNode service = Trees.at(config, "service");
    String where;
    if (service == null) {
      String url = Trees.text(config, "url");
      int query = url.indexOf('?');
      where = query < 0 ? url : url.substring(0, query);
    } else {
      where = "https://" + serviceName(service) + ":" + port(service) + path(service);
    }
    return where + "?timeout=" + timeout.toSeconds() + "s";
  }

  SecurePost.Answer post(Lookup lookup, byte[] body, Duration timeout) throws IOException {
    return SecurePost.send(tls(), target(lookup, timeout), body, timeout);
  }

  private SecurePost.Target target(Lookup lookup, Duration timeout) throws IOException {
    String query = "?timeout=" + timeout.toSeconds() + "s";
    JsonNode service = Trees.at(config, "service");
    if (service != null) {
      return new SecurePost.Target(
          serviceName(service), port(service), endpoint(lookup, service), path(service) + query);
    }
    URI uri;
    try {
      uri = URI.create(Trees.text(config, "url"));
    } catch (IllegalArgumentException e) {
      throw new IOException("url: " + e.getMessage(), e);
    }
    String host = uri.getHost();
    if (host == null || !"https".equals(uri.getScheme())) {
      throw new IOException("url: must be https://HOST...");
    }
    String name = host.startsWith("[") ? host.substring(1, host.length() - 1) : host;
    int port = uri.getPort() < 0 ? HTTPS : uri.getPort();
    InetSocketAddress address = new InetSocketAddress(name, port);
    if (address.isUnresolved()) {
      throw new IOException("dial tcp: lookup " + name + ": no such host");
    }
    String path = uri.getRawPath().isEmpty() ? "/" : uri.getRawPath();
    return new SecurePost.Target(name, port, address, path + query);
  }

  private static String serviceName(JsonNode service) {
    return Trees.text(service, "name") + "." + Trees.text(service, "namespace") + ".svc";
  }

  private static int port(JsonNode service) {
    return (int) Trees.number(service, HTTPS, "port");
  }

  private static String path(JsonNode service) {
    String path = Trees.text(service, "path");
    return path.startsWith("/") ? path : "/" + path;
  }

  private static InetSocketAddress endpoint(Lookup lookup, JsonNode reference) throws IOException {
    String namespace = Trees.text(reference, "namespace");
    String name = Trees.text(reference, "name");
    ObjectNode service = lookup.get("", "Service", namespace, name);
    if (service == null) {
      throw new IOException("service \"" + name + "\" not found");
    }
    int port = port(reference);
    if (Trees.text(service, "spec", "type").equals("ExternalName")) {
      return new InetSocketAddress(Trees.text(service, "spec", "externalName"), port);
    }
    String portName = null;
    for (JsonNode one : Trees.items(service, "spec", "ports")) {
      if (Trees.number(one, 0, "port") == port) {
        portName = Trees.text(one, "name");
      }
    }
    if (portName == null) {
      throw new IOException("no service port " + port + " found for service \"" + name + "\"");
    }
    List<InetSocketAddress> ready = new ArrayList<>();
    for (JsonNode slice : lookup.in("discovery.k8s.io", "EndpointSlice", namespace)) {
      if (Trees.text(slice, "metadata", "labels", SERVICE_LABEL).equals(name)
          && !Trees.text(slice, "addressType").equals("FQDN")) {
        addReady(slice, portName, ready);
      }
    }
    if (ready.isEmpty()) {
      throw new IOException("no endpoints available for service \"" + name + "\"");
    }
    return ready.get(ThreadLocalRandom.current().nextInt(ready.size()));
  }

  private static void addReady(JsonNode slice, String portName, List<InetSocketAddress> ready) {
    for (JsonNode port : Trees.items(slice, "ports")) {
      if (!Trees.text(port, "name").equals(portName)) {
        continue;
      }
      int number = (int) Trees.number(port, 0, "port");
      for (JsonNode endpoint : Trees.items(slice, "endpoints")) {
        JsonNode condition = Trees.at(endpoint, "conditions", "ready");
        if (condition == null || condition.asBoolean()) {
          for (JsonNode address : Trees.items(endpoint, "addresses")) {
            ready.add(new InetSocketAddress(address.asString(), number));
          }
        }
      }
    }
  }

  private synchronized SSLContext tls() throws IOException {
    if (tls == null) {
      try {
        tls = context(Trees.text(config, "caBundle"));
      } catch (GeneralSecurityException | IllegalArgumentException e) {
        throw new IOException("caBundle: " + e.getMessage(), e);
      }
    }
    return tls;
  }

  private static SSLContext context(String bundle) throws IOException, GeneralSecurityException {
    KeyStore trusted = null;
    if (!bundle.isEmpty()) {
      trusted = KeyStore.getInstance("PKCS12");
      trusted.load(null, new char[0]);
      int number = 0;
      for (Certificate authority :
          CertificateFactory.getInstance("X.509")
              .generateCertificates(new ByteArrayInputStream(Base64.getDecoder().decode(bundle)))) {
        trusted.setCertificateEntry("ca" + number++, authority);
      }
    }
    TrustManagerFactory trust =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }
}
