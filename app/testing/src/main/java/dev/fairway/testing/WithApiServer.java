// SPDX-License-Identifier: Apache-2.0
package dev.fairway.testing;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/// Gives a test class an API server of its own: started before its first test, ended after its
/// last. Its tests may have a [TestApiServer] or a fabric8 `KubernetesClient` as parameters.
@Documented
@Inherited
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(ApiServerExtension.class)
public @interface WithApiServer {
  /// What runs beside the API server.
  TestApiServer.Parts value() default TestApiServer.Parts.API_SERVER;
}
