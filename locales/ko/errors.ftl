error-malformed = 요청을 읽을 수 없어요.
error-malformed-hint = 이전 화면으로 돌아가 다시 시도해 주세요.
error-signed-out = 로그아웃되었어요.
error-signed-out-hint = 계속하려면 로그인해 주세요. 작성 중이던 내용은 아래에 남아 있어요.
error-forbidden = 변경할 권한이 없어요.
error-forbidden-hint = 소유자와 관리자만 변경할 수 있어요.
error-foreign-origin = 다른 사이트에서 보낸 요청이에요.
error-foreign-origin-hint = 계정 보호를 위해 이 사이트에서 보낸 요청만 받아요.
error-hidden-origin = 어디에서 보낸 요청인지 확인할 수 없어요.
error-hidden-origin-hint = 브라우저의 개인정보 설정이나 확장 프로그램, 프록시의 Referrer-Policy 헤더가 주소를 가리고 있어요. 이 사이트에서 허용한 뒤 다시 시도해 주세요.
error-other-port = 접속한 주소와 서버 주소가 달라요.
error-other-port-hint = 운영자 안내: 프록시가 포트를 바꾸거나 HTTPS를 사용하고 있어요. site.url에 브라우저로 접속하는 주소를 설정해 주세요.
error-other-address = 이 사이트의 주소가 아니에요.
error-other-address-hint = 운영자 안내: site.url이 지금 접속한 주소와 달라요. 설정된 주소로 접속하거나 site.url을 바꿔 주세요.
error-not-found = 찾을 수 없어요.
error-not-found-hint = 삭제되었거나 주소가 잘못되었을 수 있어요.
error-room-not-found = 삭제되었거나 없는 방이에요.
error-room-not-found-hint = 주소를 확인하거나 다른 방을 선택해 주세요.
error-beyond = 오래된 화면이에요.
error-beyond-hint = 방을 새로고침해 주세요.
error-wrong-author = {"\u2068"}{ $author }{"\u2069"}님의 화면에서 보낸 내용이에요.
error-wrong-author-hint = 지금은 {"\u2068"}{ $user }{"\u2069"}님으로 로그인되어 있어요. 보내거나 변경된 내용은 없어요.
error-too-large = 내용이 너무 길어요.
error-too-large-hint = 한 번에 64KiB까지 보낼 수 있어요. 돌아가서 나누어 보내 주세요.
error-misdirected = 이 주소로는 접속할 수 없어요.
error-misdirected-hint = 운영자 안내: site.hosts에 이 호스트 이름을 추가하거나, site.url에 브라우저로 접속하는 주소를 설정해 주세요.
error-invalid = 입력한 내용을 확인해 주세요.
error-invalid-hint = 이전 화면으로 돌아가 수정해 주세요.
error-too-many = 시도 횟수가 너무 많아요.
error-too-many-hint = { $wait }초 후 다시 시도해 주세요.
error-too-many-hint-minutes = { $wait }분 후 다시 시도해 주세요.
error-too-many-sign-ins = 로그인 시도가 너무 많아요.
error-head-too-large = 브라우저가 보낸 정보가 너무 많아요.
error-head-too-large-hint = 주소와 헤더는 합쳐서 16KiB까지 보낼 수 있어요. 이 사이트의 쿠키를 지우거나 더 짧은 링크로 다시 시도해 주세요.
error-internal = 문제가 발생했어요.
error-internal-hint = 오류를 기록했어요. 잠시 후 다시 시도해 주세요.
error-unavailable = 지금은 처리할 수 없어요.
error-unavailable-hint = 잠시 후 다시 시도해 주세요.

field-error-empty = 내용을 입력해 주세요.
field-error-too-short = { $limit }자 이상 입력해 주세요.
field-error-too-long = { $excess ->
    [0] { $limit }자까지 입력할 수 있어요.
   *[other] { $excess }자 넘었어요. { $limit }자까지 입력할 수 있어요.
  }
field-error-control = 사용할 수 없는 문자예요: { $character }. 지우고 다시 시도해 주세요.
field-error-alphabet = 사용할 수 없는 문자예요: { $character }
field-error-path = 사진 경로가 아니에요.
field-error-taken = 이미 사용 중이에요.
field-error-nonce-used = 다른 내용으로 이미 보냈어요. 이 내용도 올리려면 다시 보내 주세요.
field-error-edited-often = 더 이상 수정할 수 없는 메시지예요. 새 메시지를 보내 주세요.
field-error-credentials = 아이디 또는 비밀번호가 맞지 않아요.
field-error-wrong-password = 비밀번호가 맞지 않아요.
field-error-language = 목록에서 언어를 선택해 주세요.
field-error-theme = 목록에서 테마를 선택해 주세요.
field-error-room-kind = 공개 또는 비공개를 선택해 주세요.
field-error-level = 목록에서 알림 수준을 선택해 주세요.
field-error-people = 계정이 있는 사람을 10명까지 선택해 주세요.
field-error-room-full = 멤버는 { $limit }명까지 추가할 수 있어요.
field-error-too-many-visitors = { $limit }명이 방문했어요. 최근 1,000명만 남겨야 비공개로 바꿀 수 있어요.
field-error-not-member = 이 방의 멤버를 선택해 주세요.
field-error-number = 올바른 숫자가 아니에요.

character-space = 공백
character-tab = 탭
character-line-break = 줄 바꿈

request-id = 요청 번호:

resubmit-copy = 화면을 나가기 전에 내용을 복사해 두세요.
send-as = {"\u2068"}{ $name }{"\u2069"}님으로 보내기
sign-in-as = {"\u2068"}{ $name }{"\u2069"}님으로 로그인
switch-user-hint = {"\u2068"}{ $name }{"\u2069"}님으로 보내려면 새 탭에서 먼저 로그인해 주세요. 지금 계정은 로그아웃돼요.
resubmit-text = 메시지
resubmit-name = 방 이름
resubmit-topic = 방 소개
resubmit-userId = 아이디
resubmit-userNickname = 닉네임
