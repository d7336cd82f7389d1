#include "uri.h"

#include <string.h>
#include <strings.h>

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The length of the scheme that ${text} begins with; 0 if there is none. */
static size_t scheme_length(const char *text)
{
	size_t n = 0;

	while (is_letter(text[n]) ||
	       (n > 0 && text[n] != '\0' && strchr("0123456789+-.", text[n]) != NULL))
		n++;
	return text[n] == ':' ? n : 0;
}

/* The schemes for which "\" is "/", and it does not matter how many of them there are. */
static bool is_lenient(const char *text, size_t len)
{
	static const char *const schemes[] = {"http", "https", "ws", "wss", "ftp"};

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
		if (strlen(schemes[i]) == len && strncasecmp(text, schemes[i], len) == 0)
			return true;
	return false;
}

static bool is_odd(const char *host, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (host[i] <= ' ' || host[i] > '~' || host[i] == '%' ||
		    (len - i > 4 && strncasecmp(host + i, "xn--", 4) == 0))
			return true;
	return false;
}

struct uri_host uri_host(const char *text)
{
	const size_t scheme = scheme_length(text);
	const bool lenient = is_lenient(text, scheme);
	const char *start = text + scheme + 1, *end, *s;
	struct uri_host host = {0};

	if (scheme == 0 || (!lenient && strncmp(start, "//", 2) != 0))
		return host;
	start += lenient ? strspn(start, "/\\") : 2;
	end = start + strcspn(start, lenient ? "/\\?#" : "/?#");
	for (s = start; s < end; s++)
		if (*s == '@')
			start = s + 1;
	for (s = start; s < end && (*s != ':' || *start == '['); s++)
		if (*s == ']') {
			s++;
			break;
		}
	host.at = (size_t)(start - text);
	host.len = (size_t)(s - start);
	host.odd = is_odd(start, host.len);
	return host;
}
