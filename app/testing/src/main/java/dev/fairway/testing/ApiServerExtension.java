// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import dev.fairway.testing.TestApiServer.Parts;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/// Gives JUnit Jupiter tests an API server: by [WithApiServer], or by a field with
/// [RegisterExtension]. A static field's server lives as long as the class, another one's as long
/// as a test. Classes nested in the test's have the same server.
public final class ApiServerExtension
    implements BeforeAllCallback,
        AfterAllCallback,
        BeforeEachCallback,
        AfterEachCallback,
        ParameterResolver {
  private final @Nullable Parts parts;
  private @Nullable TestApiServer server;
  private @Nullable String owner;

  /// For [WithApiServer]; by itself, an API server alone.
  public ApiServerExtension() {
    this(null);
  }

  private ApiServerExtension(@Nullable Parts parts) {
    this.parts = parts;
  }

  /// For a field: what runs beside the API server.
  public static ApiServerExtension of(Parts parts) {
    return new ApiServerExtension(parts);
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    start(context);
  }

  @Override
  public void beforeEach(ExtensionContext context) {
    start(context);
  }

  private synchronized void start(ExtensionContext context) {
    if (server == null) {
      server = TestApiServer.start(wanted(context));
      owner = context.getUniqueId();
    }
  }

  private Parts wanted(ExtensionContext context) {
    if (parts != null) {
      return parts;
    }
    Optional<WithApiServer> annotation =
        AnnotationSupport.findAnnotation(
            context.getRequiredTestClass(), WithApiServer.class, context.getEnclosingTestClasses());
    return annotation.map(WithApiServer::value).orElse(Parts.API_SERVER);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    stop(context);
  }

  @Override
  public void afterAll(ExtensionContext context) {
    stop(context);
  }

  private synchronized void stop(ExtensionContext context) {
    if (server != null && context.getUniqueId().equals(owner)) {
      server.close();
      server = null;
      owner = null;
    }
  }

  /// The server, from its start to its end.
  ///
  /// @throws IllegalStateException before and after
  public synchronized TestApiServer server() {
    if (server == null) {
      throw new IllegalStateException(
          "no API server runs: a static field has one from @BeforeAll on, another from @BeforeEach on");
    }
    return server;
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    Class<?> type = parameter.getParameter().getType();
    return type == TestApiServer.class || type == KubernetesClient.class;
  }

  @Override
  public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == TestApiServer.class ? server() : server().client();
  }
}
