/*
 * Preloaded into the bridge: a libcurl that says it is older (OTHER_VERSION, OTHER_NUMBER) or that
 * it has no WebSocket (OTHER_WITHOUT_WS).
 */
#define _GNU_SOURCE
#include <curl/curl.h>
#include <dlfcn.h>
#include <string.h>

curl_version_info_data *curl_version_info(CURLversion age)
{
	static curl_version_info_data info;
	static const char *protocols[64];
	curl_version_info_data *(*real)(CURLversion);

	*(void **)&real = dlsym(RTLD_NEXT, "curl_version_info");
	info = *real(age);
#ifdef OTHER_VERSION
	info.version = OTHER_VERSION;
	info.version_num = OTHER_NUMBER;
#endif
#ifdef OTHER_WITHOUT_WS
	size_t n = 0;
	for (const char *const *p = info.protocols; *p && n < 63; p++) {
		if (strcmp(*p, "ws") != 0 && strcmp(*p, "wss") != 0)
			protocols[n++] = *p;
	}
	info.protocols = protocols;
#endif
	return &info;
}
